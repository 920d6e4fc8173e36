use proptest::prelude::*;

use super::*;

fn candidates(typed: &str, domain: &str) -> Vec<String> {
    let names = Name::candidates(typed.as_bytes(), domain).unwrap();
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn ascii_letters_fold_and_others_do_not() {
    assert_eq!(
        Name::fold("Alice@Contoso.EXAMPLE").unwrap().as_str(),
        "alice@contoso.example"
    );
    assert_ne!(Name::fold("Élise").unwrap(), Name::fold("élise").unwrap());
}

#[test]
fn composed_and_decomposed_letters_are_one_name() {
    assert_eq!(
        Name::fold("jose\u{301}").unwrap(),
        Name::fold("jos\u{e9}").unwrap()
    );
}

#[test]
fn what_directories_ignore_makes_no_name() {
    for text in [" alice", "alice ", "alice\u{a0}", "alice."] {
        assert_eq!(Name::fold(text), Err(NameError::Edge), "{text:?}");
    }
}

#[test]
fn invisible_characters_make_no_name() {
    for text in ["al\0ice", "al\u{202e}ice", "al\u{200b}ice", "alice\n"] {
        assert_eq!(Name::fold(text), Err(NameError::Steers), "{text:?}");
    }
}

#[test]
fn length_is_bounded_and_nothing_is_no_name() {
    assert!(Name::fold(&"a".repeat(NAME_OCTETS_MAX)).is_ok());
    assert_eq!(
        Name::fold(&"a".repeat(NAME_OCTETS_MAX + 1)),
        Err(NameError::Long)
    );
    assert_eq!(Name::fold(""), Err(NameError::Empty));
    assert_eq!(Name::candidates(b"al\xffice", ""), Err(NameError::Utf8));
}

#[test]
fn a_bare_name_is_tried_as_typed_and_in_the_default_domain() {
    assert_eq!(
        candidates("Alice", "Contoso.example"),
        ["alice", "alice@contoso.example"]
    );
    assert_eq!(candidates("alice", ""), ["alice"]);
}

#[test]
fn a_principal_name_is_bare_only_in_the_default_domain() {
    let typed = "alice@contoso.example";
    assert_eq!(candidates(typed, "contoso.example"), [typed, "alice"]);
    assert_eq!(candidates(typed, "fabrikam.example"), [typed]);
    assert_eq!(candidates(typed, ""), [typed]);
}

#[test]
fn a_netbios_name_stands_for_the_default_domain() {
    assert_eq!(
        candidates("CONTOSO\\Alice", "contoso.example"),
        ["contoso\\alice", "alice@contoso.example", "alice"]
    );
    assert_eq!(
        candidates("CONTOSO\\alice", ""),
        ["contoso\\alice", "alice"]
    );
}

#[test]
fn a_dns_domain_before_the_backslash_stands_for_itself() {
    assert_eq!(
        candidates("fabrikam.example\\alice", "contoso.example"),
        ["fabrikam.example\\alice", "alice@fabrikam.example"]
    );
    assert_eq!(
        candidates("contoso.example\\alice", "contoso.example"),
        ["contoso.example\\alice", "alice@contoso.example", "alice"]
    );
}

#[test]
fn an_empty_user_part_gives_no_spelling_of_its_own() {
    assert_eq!(candidates("contoso\\", "contoso.example"), ["contoso\\"]);
}

/// Nodes of two builds must fold alike: another Unicode version is a new cluster version.
#[test]
fn the_unicode_version_is_the_one_of_cluster_version_1() {
    assert_eq!(unicode_normalization::UNICODE_VERSION, (18, 0, 0));
}

proptest! {
    #[test]
    fn folding_twice_changes_nothing(text in ".{0,40}") {
        if let Ok(name) = Name::fold(&text) {
            prop_assert_eq!(Name::fold(name.as_str()), Ok(name));
        }
    }

    #[test]
    fn candidates_of_any_octets_are_few(typed: Vec<u8>, domain in ".{0,20}") {
        if let Ok(names) = Name::candidates(&typed, &domain) {
            prop_assert!((1..=4).contains(&names.len()));
        }
    }
}
