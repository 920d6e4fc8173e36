use std::collections::BTreeSet;

use countersign_core::policy::written;

use super::*;

fn servers(count: u16) -> Vec<Server> {
    let server = |n: u16| Server {
        host: format!("192.0.2.{n}"),
        port: 1812,
        accounting: 1813,
    };
    (1..=count).map(server).collect()
}

fn client(profile: &Profile) -> storage::Client {
    profile.under(storage::Client {
        name: "fw1".into(),
        ..storage::Client::default()
    })
}

fn told(profile: &Profile, count: u16) -> String {
    configuration(profile, &client(profile), "s3cret{host}", &servers(count))
}

#[test]
fn every_profile_is_read_and_named_once() {
    let names: BTreeSet<_> = profiles().iter().map(|it| &it.name).collect();
    assert_eq!(names.len(), profiles().len());
    assert!(profiles().len() >= 19, "{names:?}");
}

#[test]
fn every_profile_tells_the_device_the_secret_and_each_server_it_can_have() {
    for profile in profiles() {
        let text = told(profile, 3);
        let most = u16::try_from(profile.servers.min(3)).expect("few");
        for n in 1..=most {
            let host = format!("192.0.2.{n}");
            assert!(text.contains(&host), "{}: {host}\n{text}", profile.name);
        }
        assert!(text.contains("s3cret{host}"), "{}\n{text}", profile.name);
    }
}

#[test]
fn no_placeholder_is_left_over() {
    for profile in profiles() {
        for count in 1..=5 {
            let text = told(profile, count).replace("s3cret{host}", "");
            let mut words = text
                .split('{')
                .skip(1)
                .filter_map(|rest| rest.split_once('}'));
            let is_sign = |word: &str| {
                !word.is_empty()
                    && word
                        .chars()
                        .all(|c| c.is_ascii_lowercase() || c.is_numeric())
            };
            let left = words.find(|(word, _)| is_sign(word));
            assert_eq!(left, None, "{}\n{text}", profile.name);
            assert!(!text.contains('@'), "{}\n{text}", profile.name);
        }
    }
}

#[test]
fn what_was_said_of_a_client_wins_over_its_profile() {
    let asked = storage::Client {
        timeout: 7000,
        message_authenticator: storage::MessageAuthenticatorMode::No.into(),
        factors: storage::Factors::Code.into(),
        ..storage::Client::default()
    };
    let fortigate = find("fortigate").expect("a profile");
    let client = fortigate.under(asked);
    assert_eq!((client.timeout, client.tries, client.servers), (7000, 1, 3));
    let mode = client.message_authenticator();
    assert_eq!(mode, storage::MessageAuthenticatorMode::No);
    assert_eq!(client.factors(), storage::Factors::Code);
    assert_eq!(client.profile, "fortigate");
}

#[test]
fn a_profile_that_nobody_knows_is_named() {
    let error = find("toaster").expect_err("no profile");
    assert_eq!(error.to_string(), "no profile is called \"toaster\"");
}

#[test]
fn the_attributes_that_are_suggested_are_in_the_dictionary() {
    for profile in profiles() {
        for attribute in &profile.groups {
            let read = written::attribute(attribute);
            assert!(read.is_ok(), "{}: {attribute}: {read:?}", profile.name);
        }
    }
}

#[test]
fn a_suggested_command_is_one_word_for_each_argument() {
    let globalprotect = find("globalprotect").expect("a profile");
    assert_eq!(
        globalprotect.suggestions("fw 1"),
        [
            "countersign rule add 'fw 1-groups' --client 'fw 1' --factors both \
             --attribute 'PaloAlto-User-Group={groups}'"
        ]
    );
}

#[test]
fn a_second_server_that_is_not_there_is_not_told() {
    let fortigate = find("fortigate").expect("a profile");
    let text = told(fortigate, 1);
    assert!(text.contains("set server \"192.0.2.1\"") && !text.contains("secondary"));
    assert!(told(fortigate, 2).contains("set secondary-server \"192.0.2.2\""));
}
