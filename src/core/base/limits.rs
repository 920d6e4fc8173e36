//! Every bound of the house, named, with its unit last.
//!
//! A bound that an operator may set lives in the replicated settings; here is what
//! nobody may exceed.

use std::time::Duration;

/// Longest RADIUS packet (RFC 2865 §3).
pub const PACKET_OCTETS_MAX: usize = 4096;
/// Shortest RADIUS packet: the header alone.
pub const PACKET_OCTETS_MIN: usize = 20;
/// Octets of a stream that are held until they are packets: what is left of one, and room for
/// another.
pub const STREAM_OCTETS_MAX: usize = 2 * PACKET_OCTETS_MAX;
/// Requests in hand of one stream: as many as its identifiers tell apart (RFC 6613 §2.4).
pub const STREAM_REQUESTS_MAX: usize = 256;
/// More attributes than any device sends; the packet is dropped.
pub const ATTRIBUTES_MAX: usize = 200;
/// Longest password that is read, code included. RFC 2865 §5.2 says 128; clients send more.
pub const PASSWORD_OCTETS_MAX: usize = 240;
/// Longest value that is salt-encrypted: with a tag, a salt and padding to whole blocks it
/// fits into a vendor's attribute.
pub const SALTED_OCTETS_MAX: usize = 239;
/// Longest user name, after folding.
pub const NAME_OCTETS_MAX: usize = 256;
/// Characters of a foreign string that are shown or logged.
pub const SHOWN_CHARS_MAX: usize = 256;

/// Commands in one Raft entry.
pub const BATCH_COMMANDS_MAX: usize = 256;
/// How long a command may travel before `apply` refuses it (DESIGN §2, "life").
pub const COMMAND_LIFE: Duration = Duration::from_secs(5);
/// Longest time for which a settled attempt answers repeats that are retries.
pub const ATTEMPT_KEEP_MAX: Duration = Duration::from_secs(120);
/// Longest time for which a client may have an accepted login repeated. It bounds how many
/// attempts are stored: all of a generation stay as long as the last of them.
pub const REVALIDATION_MAX: Duration = Duration::from_secs(600);
/// How long a challenge may be answered.
pub const STATE_LIFE: Duration = Duration::from_secs(60);
/// Further apart, two clocks do not agree: a third of the shortest step of a token.
pub const CLOCKS_APART_MAX: Duration = Duration::from_secs(10);
/// The same where a passcode was sent: messages take their time.
pub const STATE_LIFE_SENT: Duration = Duration::from_secs(100);
/// How long the record of an answer answers: longer than its State does, whichever clocks.
pub const STATE_KEEP: Duration = Duration::from_secs(120);
/// Times that one login is asked for its code.
pub const CHALLENGE_ROUNDS_MAX: u8 = 3;
/// Octets of a State: one attribute (RFC 2865 §5.24).
pub const STATE_OCTETS_MAX: usize = 253;
/// Octets of a text that a device shows: one attribute (RFC 2865 §5.18).
pub const MESSAGE_OCTETS_MAX: usize = 253;
/// Octets of a language's tag (RFC 5646 §4.4.1 asks for room for 35).
pub const LANGUAGE_OCTETS_MAX: usize = 35;
/// Languages in which texts are set.
pub const LANGUAGES_MAX: usize = 32;
/// How soon what is on trial must be confirmed, at the earliest.
pub const TRIAL_MIN: Duration = Duration::from_secs(60);
/// And at the latest.
pub const TRIAL_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// Password sources of the settings.
pub const SOURCES_MAX: usize = 16;
/// Servers of one LDAP source.
pub const LDAP_SERVERS_MAX: usize = 8;
/// Domains of the names that a source is for.
pub const SOURCE_DOMAINS_MAX: usize = 64;
/// Servers of one of them, asked for each other.
pub const FORWARD_SERVERS_MAX: usize = 4;
/// Addresses of one server's name that are tried.
pub const FORWARD_ADDRESSES_MAX: usize = 4;
/// For one question to an old server, where the settings name no time: three packets, a second
/// between, as an old server may hold its refusals back so long.
pub const FORWARD_TIMEOUT: Duration = Duration::from_secs(3);
/// How often one question is sent, where the settings do not say.
pub const FORWARD_TRIES: u32 = 3;
/// How often one question may be sent.
pub const FORWARD_TRIES_MAX: u32 = 10;
/// Questions to one old server at one time, each with a socket of its own; above it the server
/// counts as not asked.
pub const FORWARD_QUESTIONS_MAX: usize = 1024;
/// Shortest secret shared with one: anyone who hears a question can try secrets on it.
pub const FORWARD_SECRET_OCTETS_MIN: usize = 16;
/// Longest secret shared with one.
pub const FORWARD_SECRET_OCTETS_MAX: usize = 128;
/// Longest password that an old server is asked about (RFC 2865 §5.2).
pub const FORWARD_PASSWORD_OCTETS_MAX: usize = 128;
/// Types of attributes that may be relayed of an old server's Accept.
pub const FORWARD_ATTRIBUTES_MAX: usize = 32;
/// Shortest time for one question to a password source or an old server that settings may name.
pub const SOURCE_TIMEOUT_MIN: Duration = Duration::from_millis(100);
/// Longest time for one: nodes refuse to ask by settings that name more.
pub const SOURCE_TIMEOUT_MAX: Duration = Duration::from_secs(30);
/// Longest time for a message that brings a passcode.
pub const SENDER_TIMEOUT_MAX: Duration = Duration::from_secs(60);
/// Longest lease of an attempt: source time-out and the slack for the commit.
pub const LEASE_MAX: Duration = Duration::from_secs(60);
/// The lease's share beside the source's time-out: for the commits before and after it.
pub const COMMIT_SLACK: Duration = Duration::from_secs(2);
/// How long before the device gives up its reply must leave.
pub const REPLY_MARGIN: Duration = Duration::from_millis(500);
/// Shortest time for which a device waits, all its tries together: a reply leaves
/// [`REPLY_MARGIN`] before that, and a second is the least for a verdict.
pub const CLIENT_WAIT_MIN: Duration = Duration::from_millis(1500);
/// Most packets a second that a client may be limited to.
pub const CLIENT_RATE_MAX: u32 = 1_000_000;
/// Longest time for which a device is taken to wait, all its tries together.
pub const CLIENT_WAIT_MAX: Duration = Duration::from_secs(120);
/// Logins in hand on one node: 5,000 a second of which each asks a source for 6 seconds.
pub const LOGINS_MAX: usize = 32_768;
/// Packets of one login that wait for its verdict.
pub const LOGIN_PACKETS_MAX: usize = 16;
/// Logins of one user that wait for their turn.
pub const USER_QUEUE_MAX: usize = 8;
/// Longest time for which a refusal is held back to look like any other.
pub const REFUSAL_HOLD_MAX: Duration = Duration::from_secs(2);
/// How often one login goes on at once after its facts changed under it.
pub const LOGIN_HASTY_TURNS_MAX: u8 = 4;
/// How often one login waits for a leader; with [`LOGIN_PARK`] between.
pub const LOGIN_PARKS_MAX: u8 = 18;
/// How long a login that met an election waits before it tries again.
pub const LOGIN_PARK: Duration = Duration::from_millis(100);
/// Shortest time between two looks at what another flow has in hand.
pub const WATCH_STEP: Duration = Duration::from_millis(5);
/// Time between two claims of a code that another login holds.
pub const BUSY_STEP: Duration = Duration::from_millis(50);
/// How often a settle is proposed: until no lease can hold any more, [`LOGIN_PARK`] between.
pub const SETTLE_TRIES_MAX: u16 = 600;
/// Attempts in one generation, for dropping them together.
pub const ATTEMPT_GENERATION: Duration = Duration::from_secs(60);
/// Attempts stored at one time; above that Begin is refused as overload.
pub const ATTEMPTS_STORED_MAX: u64 = 8_000_000;
/// Attempts in flight or open at one time; above that Begin is refused as overload.
pub const ATTEMPTS_LIVE_MAX: u64 = 200_000;

/// How long a passcode may be used.
pub const PASSCODE_LIFE: Duration = Duration::from_secs(300);
/// Digits of a passcode: more than most tokens show, so that the two are told apart.
pub const PASSCODE_DIGITS: usize = 8;
/// Wrong codes after which a passcode is over.
pub const PASSCODE_TRIES: u32 = 3;
/// Passcodes that a user is sent within [`PASSCODES_SPAN`] who asks at places where the user
/// was let in lately: whoever knows a name may ask.
pub const PASSCODES_MAX: usize = 3;
/// The same for all other places together.
pub const PASSCODES_ELSEWHERE_MAX: usize = 2;
/// See [`PASSCODES_MAX`].
pub const PASSCODES_SPAN: Duration = Duration::from_secs(600);
/// Passcodes that a user is sent in a day who asks at such places.
pub const PASSCODES_DAILY_MAX: usize = 10;
/// The same for all other places together.
pub const PASSCODES_ELSEWHERE_DAILY_MAX: usize = 5;
/// A day, to that end.
pub const PASSCODES_DAY: Duration = Duration::from_secs(24 * 3600);
/// Hashes of one typed passcode: one for each attempt key that may have been in force.
pub const PASSCODE_HASHES_MAX: usize = 3;
/// Passcodes a minute that the settings may allow to the whole cluster.
pub const PASSCODES_PER_MINUTE_MAX: u32 = 6000;
/// Octets of an address that is shown masked.
pub const MASKED_OCTETS_MAX: usize = 70;
/// Octets of a message that brings a passcode: two SMS, should each sign take two.
pub const PASSCODE_MESSAGE_OCTETS_MAX: usize = 268;
/// Headers of a request to a gateway.
pub const SMS_HEADERS_MAX: usize = 16;
/// Octets of the body of one, before values are put in.
pub const SMS_BODY_OCTETS_MAX: usize = 4096;
/// Longest address of an e-mail (RFC 5321 §4.5.3.1.3, without its brackets).
pub const EMAIL_OCTETS_MAX: usize = 254;
/// Most digits of a phone number (ITU-T E.164 §6).
pub const PHONE_DIGITS_MAX: usize = 15;

/// Tokens one user may have.
pub const USER_TOKENS_MAX: usize = 8;
/// Aliases one user may have.
pub const USER_ALIASES_MAX: usize = 16;
/// Matching steps one login may claim: each token's whole window.
pub const MATCHES_MAX: usize = 64;
/// Steps on either side of the expected one in which a code is looked for.
pub const WINDOW_STEPS_MAX: u8 = 2;
/// Steps before the window of which a code is still tried against a response, so that a login
/// is known again whose device asks once more when its code has just left the window. Whether
/// such a code lets anyone in is for the window alone.
pub const RESPONSE_LATE_STEPS: u8 = 2;
/// Codes that are tried against one response: of each token the window, and the late ones.
pub const RESPONSE_CODES_MAX: usize =
    USER_TOKENS_MAX * (2 * WINDOW_STEPS_MAX as usize + 1 + RESPONSE_LATE_STEPS as usize);
/// Drift learnt in all, in steps.
pub const DRIFT_STEPS_MAX: i32 = 5;
/// Shortest seed that is taken: 80 bits, which old hardware has (RFC 4226 §4 asks for 128).
pub const SEED_OCTETS_MIN: usize = 10;
/// Longest seed: one block of SHA-512; a longer one would only be hashed to less.
pub const SEED_OCTETS_MAX: usize = 128;
/// Longest text of a seed, blanks included.
pub const SEED_SIGNS_MAX: usize = 512;

/// Longest plain text that is sealed: a key in PEM with its chain.
pub const SEALED_OCTETS_MAX: usize = 64 * 1024;
/// Key-encryption keys in one key file.
pub const KEKS_MAX: usize = 8;
/// Longest key file.
pub const KEY_FILE_OCTETS_MAX: usize = 16 * 1024;

/// Highest limit of wrong passwords that is honoured: bounds the strict record.
pub const STRICT_FAILURES_MAX: u32 = 50;
/// Grace of a client beyond `timeout × tries × servers` (DESIGN §2).
pub const GRACE_SLACK: Duration = Duration::from_secs(5);

/// Places where a user was let in that are remembered.
pub const PLACES_MAX: usize = 8;
/// How long such a place is remembered.
pub const PLACE_MEMORY: Duration = Duration::from_secs(90 * 24 * 3600);
/// How soon a login from a known place is not noted again.
pub const PLACE_NOTE_STEP: Duration = Duration::from_secs(3600);
/// First wait of the budget for all other places, once it is used up.
pub const WAIT_FIRST: Duration = Duration::from_secs(60);
/// Longest wait.
pub const WAIT_MAX: Duration = Duration::from_secs(24 * 3600);

/// How long the outcome of an administrative command is kept under its request id.
pub const REQUEST_KEEP: Duration = Duration::from_secs(24 * 3600);
/// How long the first operator may be made with the bootstrap token.
pub const BOOTSTRAP_LIFE: Duration = Duration::from_secs(24 * 3600);
/// Rows of an import that is all or nothing: one command.
pub const ATOMIC_ROWS_MAX: usize = 10_000;
/// Longest file that is imported at one time: about half a million rows.
pub const IMPORT_OCTETS_MAX: usize = 64 * 1024 * 1024;
/// Longest serial number, manufacturer or model of a token.
pub const TOKEN_TEXT_OCTETS_MAX: usize = 128;
/// Expired request ids forgotten with one administrative change.
pub const REQUESTS_PURGED_MAX: usize = 8;
/// Octets of one text of an audit record or of a refusal's detail.
pub const AUDIT_TEXT_OCTETS_MAX: usize = 1024;
/// Octets of one value in it: a pair always fits, so that no change is told by its end alone.
pub const AUDIT_VALUE_OCTETS_MAX: usize = 400;
/// Octets of a name in front of it.
pub const AUDIT_NAME_OCTETS_MAX: usize = 128;
/// Records on one page of a listing.
pub const PAGE_RECORDS_MAX: usize = 1000;

/// Groups one user may have.
pub const USER_GROUPS_MAX: usize = 256;
/// Groups of one user that are synchronised. Windows itself stops there.
pub const SYNCED_GROUPS_MAX: usize = 1015;
/// Longest identifier of a synchronised group: a distinguished name.
pub const GROUP_ID_OCTETS_MAX: usize = 2048;
/// Users in one change of a round of synchronisation.
pub const SYNC_BATCH_USERS_MAX: usize = 256;
/// Users that a round may newly refuse unasked.
pub const SYNC_REFUSED_MAX: u32 = 20;
/// The same, of a hundred users that the round is about.
pub const SYNC_REFUSED_PERCENT_MAX: u32 = 5;
/// Users that a held round names.
pub const SYNC_NAMES_MAX: usize = 10;
/// Longest free text of an administrative record: contact, group, label.
pub const FIELD_OCTETS_MAX: usize = 256;
/// Longest sealed or wrapped secret of an administrative record.
pub const RECORD_SEALED_OCTETS_MAX: usize = 1024;
/// Longest certificate of a client of a directory, and longest sealed key of one: RSA keys
/// of 8192 bits have 4.7 KiB.
pub const CLIENT_CERTIFICATE_OCTETS_MAX: usize = 8192;
/// Longest serial number of a token.
pub const SERIAL_OCTETS_MAX: usize = 64;
/// How far a step that proves possession may lie from the entry's time, in steps.
pub const PROOF_STEPS_MAX: u64 = 20;
/// RADIUS clients of one cluster.
pub const CLIENTS_MAX: usize = 10_000;
/// Address ranges of one client.
pub const CLIENT_RANGES_MAX: usize = 64;
/// Names of certificates by which one client is known.
pub const CLIENT_CERTIFICATE_NAMES_MAX: usize = 16;
/// Longest of them: as long as a DNS name may be, and more than a URI mostly is.
pub const CERTIFICATE_NAME_OCTETS_MAX: usize = 253;
/// Shared secrets of one client: the new one and those still in use.
pub const CLIENT_SECRETS_MAX: usize = 4;
/// Rules of one cluster.
pub const RULES_MAX: usize = 256;
/// All of them together, as they are stored.
pub const RULES_OCTETS_MAX: usize = 256 * 1024;
/// Values of one condition of a rule.
pub const RULE_VALUES_MAX: usize = 64;
/// Attributes that one rule grants; one of them may be several in a reply.
pub const RULE_ATTRIBUTES_MAX: usize = 32;
/// Attributes that one reply grants.
pub const GRANTED_ATTRIBUTES_MAX: usize = 128;
/// Attributes of another server's Accept that one reply relays.
pub const RELAYED_ATTRIBUTES_MAX: usize = 16;
/// All of them together, as a packet has them.
pub const RELAYED_OCTETS_MAX: usize = 512;
/// Old servers that rules may forward users to.
pub const FORWARDS_MAX: usize = 16;
/// Longest name of one.
pub const FORWARD_NAME_OCTETS_MAX: usize = 128;
/// Logins without a token that a rule may allow each user.
pub const INITIAL_LOGINS_MAX: u32 = 20;
/// How soon it is not noted again that a user was let in by the same old server.
pub const FORWARD_NOTE_STEP: Duration = Duration::from_secs(24 * 3600);
/// Operators of one cluster.
pub const OPERATORS_MAX: usize = 1000;
/// API tokens of one cluster.
pub const API_TOKENS_MAX: usize = 1000;
/// Networks from which one API token may be used.
pub const API_TOKEN_NETWORKS_MAX: usize = 16;
/// Keys of the keyring.
pub const KEYS_MAX: usize = 256;
/// Key-encryption keys under which one key is wrapped.
pub const KEY_WRAPS_MAX: usize = 16;
/// Nodes ever known to a cluster, removed ones included.
pub const MEMBERS_MAX: usize = 1000;

const _: () = assert!(COMMAND_LIFE.as_secs() <= ATTEMPT_KEEP_MAX.as_secs());
const _: () = assert!(ATTEMPT_KEEP_MAX.as_secs() <= REVALIDATION_MAX.as_secs());
const _: () = assert!(SOURCE_TIMEOUT_MAX.as_secs() + COMMIT_SLACK.as_secs() <= LEASE_MAX.as_secs());
const _: () = assert!(STATE_KEEP.as_secs() <= ATTEMPT_KEEP_MAX.as_secs());
const _: () =
    assert!(STATE_LIFE.as_secs() + 2 * CLOCKS_APART_MAX.as_secs() <= STATE_KEEP.as_secs());
const _: () =
    assert!(STATE_LIFE_SENT.as_secs() + 2 * CLOCKS_APART_MAX.as_secs() <= STATE_KEEP.as_secs());
const _: () = assert!(PASSCODES_MAX <= PASSCODES_DAILY_MAX);
const _: () = assert!(PASSCODES_ELSEWHERE_MAX < PASSCODES_MAX);
const _: () = assert!(PASSCODES_ELSEWHERE_MAX <= PASSCODES_ELSEWHERE_DAILY_MAX);
const _: () = assert!(PASSCODES_ELSEWHERE_DAILY_MAX < PASSCODES_DAILY_MAX);
const _: () = assert!(PASSCODES_SPAN.as_secs() < PASSCODES_DAY.as_secs());
const _: () = assert!(PLACE_NOTE_STEP.as_secs() < PLACE_MEMORY.as_secs());
const _: () = assert!(PASSWORD_OCTETS_MAX < PACKET_OCTETS_MAX);
const _: () = assert!(RELAYED_OCTETS_MAX < PACKET_OCTETS_MAX);
const _: () = assert!(RELAYED_ATTRIBUTES_MAX <= GRANTED_ATTRIBUTES_MAX);
const _: () = assert!(LOGIN_PARK.as_millis() * LOGIN_PARKS_MAX as u128 <= 1800);
const _: () = assert!(LOGIN_PARK.as_millis() * SETTLE_TRIES_MAX as u128 >= LEASE_MAX.as_millis());
