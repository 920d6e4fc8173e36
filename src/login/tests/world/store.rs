//! What the ledger holds at first: two users with a token each, and two clients.

use countersign_core::base::{ClusterId, KeyId, Secret, SeededEntropy, TokenId, UserId};
use countersign_core::ledger::{MemoryTables, Table, Write, fields, storage};
use countersign_core::login::Secrets;
use countersign_core::seal::{DataKey, Keyring, MacKey, Purpose};
use prost::Message;

use super::{ALICE, BOB, PROXY, SOURCE_TIMEOUT, VPN};

pub(super) fn seed(user: UserId) -> Secret {
    Secret::new(vec![u8::try_from(user.0).unwrap(); 20])
}

pub(in crate::login::tests) fn secrets(entropy: &mut SeededEntropy) -> Secrets {
    let key = DataKey::draw(KeyId(1), Purpose::Fields, entropy);
    Secrets {
        cluster: ClusterId([9; 16]),
        keyring: Keyring::new([key], KeyId(1)).unwrap(),
        places: MacKey::draw(entropy),
    }
}

pub(in crate::login::tests) fn tables(
    secrets: &Secrets,
    entropy: &mut SeededEntropy,
) -> MemoryTables {
    let mut tables = MemoryTables::default();
    let mut put = |table, key: &[u8], value: Vec<u8>| {
        tables.write(vec![Write::Put(table, key.to_vec(), value)]);
    };
    let clients = [
        (VPN, storage::Factors::PasswordAndCode),
        (PROXY, storage::Factors::Code),
    ];
    for (client, factors) in clients {
        let record = storage::Client {
            id: client.0,
            name: format!("client-{}", client.0),
            factors: factors.into(),
            timeout: 3000,
            tries: 1,
            revision: 1,
            ..storage::Client::default()
        };
        put(
            Table::Clients,
            &client.0.to_be_bytes(),
            record.encode_to_vec(),
        );
    }
    for (user, name) in [
        (ALICE, "alice@contoso.example"),
        (BOB, "bob@contoso.example"),
    ] {
        let id = user.0.to_be_bytes();
        let record = storage::User {
            id: user.0,
            name: name.into(),
            status: storage::UserStatus::Active.into(),
            tokens: vec![user.0],
            ..storage::User::default()
        };
        put(Table::Users, &id, record.encode_to_vec());
        put(Table::Names, name.as_bytes(), id.to_vec());
        let token = token(secrets, user, entropy);
        put(Table::Tokens, &id, token.encode_to_vec());
    }
    let settings = storage::Settings {
        sources: vec![storage::Source {
            kind: Some(storage::source::Kind::Entra(storage::EntraSettings {
                timeout: u32::try_from(SOURCE_TIMEOUT.as_millis()).unwrap(),
                ..storage::EntraSettings::default()
            })),
            ..storage::Source::default()
        }],
        ..storage::Settings::default()
    };
    put(Table::Settings, &[], settings.encode_to_vec());
    tables
}

/// The one active token of a user, under the user's own number.
fn token(secrets: &Secrets, user: UserId, entropy: &mut SeededEntropy) -> storage::Token {
    let id = user.0.to_be_bytes();
    let context = fields::token_seed(secrets.cluster, &id);
    let seed = seed(user);
    let sealed = secrets.keyring.seal(&context, &seed, entropy).unwrap();
    storage::Token {
        id: TokenId(user.0).0,
        owner: user.0,
        seed: sealed.encode(),
        algorithm: storage::TokenAlgorithm::Sha1.into(),
        digits: 6,
        period: 30,
        state: storage::TokenState::Active.into(),
        generation: 1,
        ..storage::Token::default()
    }
}
