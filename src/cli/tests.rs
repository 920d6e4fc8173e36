//! The command line's own rules: what parses, what is printed.

use clap::{CommandFactory as _, Parser as _};
use serde_json::json;

use super::{Arguments, output, show, token};
use crate::admin::api;

fn parses(line: &str) -> Result<Arguments, clap::Error> {
    Arguments::try_parse_from(line.split(' '))
}

#[test]
fn the_commands_are_consistent() {
    Arguments::command().debug_assert();
}

#[test]
fn the_commands_of_the_manual_parse() {
    for line in [
        "countersign user add alice@contoso.example --alias alice --group vpn",
        "countersign user list --prefix a --limit 0 --output json",
        "countersign user set alice --contact desk --revision 3",
        "countersign token add --owner alice --algorithm sha256 --digits 8",
        "countersign token add --owner alice --seed-file - --active",
        "countersign token qr 00000000000000ff",
        "countersign token resync 4711",
        "countersign client add vpn --range 198.51.100.0/24 --factors both",
        "countersign client rotate-secret vpn --drop-old",
        "countersign client rotate-secret vpn --finish",
        "countersign client add fw1 --range 198.51.100.1 --profile fortigate --wait",
        "countersign client profiles --output json",
        "countersign client watch fw1 --wait-secs 5",
        "countersign client set fw1 --message-authenticator auto --revalidation-secs 60",
        "countersign client set fw1 --name-forms upn,bare --allow both --rate 50 --burst 100",
        "countersign client set fw1 --name-forms all --allow any --rate none",
        "countersign rule add staff --group vpn --factors both --attribute Class=OU={groups};",
        "countersign rule add guests --first --factors deny --nas NAS-Port-Type=Virtual",
        "countersign rule set staff --burn-code on-match --output json",
        "countersign rule move staff --before guests",
        "countersign rule test alice --client fw1 --attr NAS-Identifier=fw1 --draft -",
        "countersign rule apply rules.toml",
        "countersign admin bootstrap root --bootstrap-token-file b --save-token t",
        "countersign admin add-token ci --operator root --role auditor \
         --expires 2030-01-01T00:00:00Z",
        "countersign import azure-csv tokens.csv --dry-run --atomic",
        "countersign settings apply settings.toml",
        "countersign cluster new d",
        "countersign cluster new d --member 1=node1.contoso.example --member 2=[::1]:9300",
        "countersign cluster status --admin https://127.0.0.1:8443",
        "countersign events --follow --user alice",
        "countersign audit --before 40",
        "countersign completions bash",
        "countersign bench --demo demo.json --factors code --seconds 5 --output json",
        "countersign bench --demo d --rate 200 --timeout-ms 1500 --tries 2 --progress",
        "countersign bench --server 127.0.0.1:1812 --secret-file s --steps 0..0 --pid 7",
    ] {
        let line = line.replace("         ", "");
        assert!(parses(&line).is_ok(), "{line}");
    }
}

#[test]
fn a_rate_of_nothing_and_a_rotation_that_begins_and_ends_at_once_are_refused() {
    assert!(parses("countersign client set fw1 --rate 0").is_err());
    assert!(parses("countersign client rotate-secret fw1 --finish --drop-old").is_err());
}

#[test]
fn what_would_be_left_out_without_a_word_is_refused() {
    for line in [
        "countersign events --follow --reference 7K2M9Q",
        "countersign events --follow --hours 2",
        "countersign events --follow --limit 10",
        "countersign events --limit 10001",
        "countersign settings apply settings.toml --confirm 0s",
    ] {
        assert!(parses(line).is_err(), "{line}");
    }
    assert!(parses("countersign audit --limit 5000").is_ok());
}

#[test]
fn a_drawn_seed_cannot_be_active_at_once() {
    assert!(parses("countersign token add --owner alice --active").is_err());
}

#[test]
fn no_option_takes_a_secret_as_its_text() {
    fn check(command: &clap::Command) {
        for argument in command.get_arguments() {
            let name = argument.get_id().as_str();
            let secret = ["secret", "seed", "code", "password"]
                .iter()
                .any(|word| name.contains(word));
            let harmless = name.ends_with("_file")
                    // The way by which one is sent.
                    || ["burn_code", "passcode", "secret_attribute"].contains(&name);
            assert!(
                !secret || harmless || !argument.get_action().takes_values() || name == "drop_old",
                "--{name}"
            );
        }
        command.get_subcommands().for_each(check);
    }
    check(&Arguments::command());
}

#[test]
fn a_table_cannot_be_steered_by_a_name() {
    let rows = [json!({ "name": "a\u{1b}[2J\nroot  admin", "locked": true })];
    let text = output::table(&["name", "locked"], &rows);
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(
        text.contains(r"a\u{1b}[2J\u{a}root") && text.ends_with("yes\n"),
        "{text}"
    );
}

#[test]
fn the_picture_of_a_token_has_a_quiet_zone_of_four() {
    let picture = token::picture("otpauth://totp/Contoso:alice?secret=GEZDGNBVGY3TQOJQ");
    let picture = picture.expect("a picture");
    let first = picture.lines().next().expect("a line");
    assert!(first.chars().all(|sign| sign == ' '), "{first:?}");
    let widths: Vec<_> = picture.lines().map(|line| line.chars().count()).collect();
    assert!(widths.iter().all(|width| *width == widths[0]));
}

#[test]
fn troubles_alone_are_listed() {
    let link = |node, fault: &str, refused| api::LinkStatus {
        node,
        fault: fault.to_owned(),
        refused,
        ..Default::default()
    };
    let member = |node, links, refused| api::MemberStatus {
        node,
        links,
        strangers: Some(api::StrangersStatus {
            refused,
            ..Default::default()
        }),
        ..Default::default()
    };
    let first = member(1, vec![link(2, "", 0), link(3, "timed out", 0)], 0);
    let second = member(2, vec![link(1, "", 4), link(3, "", 0)], 7);
    let status = api::ClusterStatus {
        members: vec![first, second],
        ..Default::default()
    };
    let told = show::troubles(&status).into_iter();
    let told: Vec<_> = told
        .map(|it| (it["node"].clone(), it["peer"].clone()))
        .collect();
    let expected = [
        (json!(1), json!(3)),
        (json!(2), json!(1)),
        (json!(2), json!("strangers")),
    ];
    assert_eq!(told, expected);
}
