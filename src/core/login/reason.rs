//! Why a login ended as it did: stable reasons, the same in events, metrics, `explain`
//! and the manual.
//!
//! What the user sees is one text for all of them; these are for operators only.

use std::fmt;

/// A reason in words.
#[derive(Clone, Copy, Debug)]
pub struct Explanation {
    /// `CS-R…`; once given, it keeps its meaning for ever.
    pub code: &'static str,
    /// What happened.
    pub cause: &'static str,
    /// Who can change it.
    pub who: &'static str,
    /// How.
    pub remedy: &'static str,
}

macro_rules! reasons {
    ($($name:ident $code:literal $cause:literal, $who:literal: $remedy:literal;)*) => {
        /// A stable reason.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum Reason {
            $(#[doc = $cause] $name,)*
        }

        impl Reason {
            /// Every reason, for manuals and tests.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Cause, who can fix it, and how.
            #[must_use]
            pub const fn explanation(self) -> Explanation {
                match self {
                    $(Self::$name => Explanation {
                        code: $code,
                        cause: $cause,
                        who: $who,
                        remedy: $remedy,
                    },)*
                }
            }
        }
    };
}

impl Reason {
    /// The stable code, as in `CS-R301`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.explanation().code
    }

    /// The number in the stable code: 301 of `CS-R301`.
    #[must_use]
    pub fn number(self) -> u32 {
        let digits = self.code().bytes().filter(u8::is_ascii_digit);
        digits.fold(0, |number, digit| number * 10 + u32::from(digit - b'0'))
    }

    /// Whether who hears it is let in; every other reason lets nobody in.
    #[must_use]
    pub const fn lets_in(self) -> bool {
        matches!(
            self,
            Self::Accepted
                | Self::AcceptedForwarded
                | Self::AcceptedInitial
                | Self::AcceptedSingleFactor
                | Self::Revalidated
        )
    }

    /// The reason with that number; `None`: this binary knows none.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|reason| reason.number() == number)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = self.explanation();
        write!(f, "{}: {}", said.code, said.cause)
    }
}

reasons! {
    Accepted "CS-R000"
        "let in",
        "nobody": "nothing to do";
    BrokenPacket "CS-R101"
        "the datagram is no RADIUS packet",
        "network administrator": "find what sends to this port";
    UnservedCode "CS-R102"
        "a packet of a kind that this port does not serve",
        "device administrator": "check which port the device uses";
    UnknownClient "CS-R103"
        "no client entry has the source address",
        "operator": "`client add` with the address that the packet came from";
    Forged "CS-R104"
        "the authenticator does not fit: wrong secret, or a forged packet",
        "device administrator": "set the same secret on the device and in the client entry";
    Unauthenticated "CS-R105"
        "the client must send a Message-Authenticator and did not",
        "device administrator": "update the device, or set the client to a weaker mode";
    Overload "CS-R106"
        "more requests than may be in hand at one time",
        "operator": "look at who sends them; add nodes";
    UnknownCertificate "CS-R107"
        "no client entry has a name of the certificate that was shown, or several have one",
        "operator": "`client set --certificate-name` with a name in the certificate's SAN";
    CertificateElsewhere "CS-R108"
        "the client of the certificate may not come from this address",
        "operator": "add the address to the client's ranges, or find who has its key";
    NoSession "CS-R109"
        "no TLS session with a certificate of the authority for clients, in time",
        "device administrator": "check certificate, authority, clock and TLS version of the device";
    Connections "CS-R110"
        "more connections than may be open at one time, of one client or in all",
        "device administrator": "have the device use fewer; look at who opens them";
    NameForm "CS-R111"
        "the user's name is typed in a form that the client does not take",
        "user": "type the name as the client wants it; `client set --name-forms` for others";
    Revalidated "CS-R112"
        "let in again by the client's re-validation, with the code of a login that was let in",
        "operator": "nothing, if re-validation is meant at this client";
    FactorsForbidden "CS-R113"
        "a rule would let in with less than the client allows",
        "operator": "raise the rule's factors, or allow more at the client";
    ClientRate "CS-R114"
        "more packets a second than the client's rate allows",
        "operator": "find out why the device sends so many, or raise the client's rate";
    AcceptedInitial "CS-R115"
        "let in without a token, by the password alone: one of the initial logins of the user",
        "operator": "`token add`; the user's initial logins end with their count or their date";
    AcceptedForwarded "CS-R116"
        "let in without a token, by the old server that a rule forwards to",
        "operator": "`token add`; `rule forwarded` tells who still goes there";
    AcceptedSingleFactor "CS-R117"
        "let in by the password alone, as a rule says",
        "operator": "nothing, if the exception is meant; else raise the rule's factors";
    UnservedMethod "CS-R201"
        "neither a password nor a response in the request, or more than one",
        "device administrator": "set the device to PAP, CHAP or MS-CHAPv2";
    UnreadablePassword "CS-R202"
        "the password is not UTF-8, has a NUL inside or is too long",
        "device administrator": "check the shared secret and the character set";
    UnknownUser "CS-R203"
        "no user has this name",
        "operator": "`user add`, or an alias for the user";
    DisabledUser "CS-R204"
        "the user is disabled",
        "operator": "`user enable`";
    NoToken "CS-R205"
        "the user has no active token",
        "operator": "`token add`, or prove a pending one";
    NoRule "CS-R206"
        "no rule says what this login must show",
        "operator": "`rule test` tells why; add a rule, or, without any, the client's factors";
    EmptyPassword "CS-R207"
        "nothing is left as the password once the code is taken off",
        "user": "type the password, then the code";
    Revoked "CS-R208"
        "user, token or seed was changed while the login was judged",
        "operator": "nothing, if the change was meant";
    RuleDenies "CS-R209"
        "a rule refuses this login",
        "operator": "`rule test` tells which";
    RuleUnfit "CS-R210"
        "what the rule grants does not fit into a reply",
        "operator": "`rule test` tells why; shorten the attributes, or the names of the groups";
    StateInvalid "CS-R211"
        "the State of the answer is forged, or was given to another client, name or caller",
        "device administrator": "the device must send back State, name and attributes unchanged";
    StateExpired "CS-R212"
        "the challenge was answered too late",
        "user": "log in again and type the code within a minute";
    StateUsed "CS-R213"
        "the challenge was answered otherwise before",
        "user": "log in again";
    ChallengeRounds "CS-R214"
        "what was answered could be no code, too often",
        "user": "log in again and type the digits that the token shows";
    Challenged "CS-R215"
        "the code was asked for",
        "nobody": "the answer is a login of its own";
    PasswordUncarried "CS-R216"
        "the password is too long to be kept while the code is asked for",
        "user": "type the code behind the password, or take a shorter password";
    PasscodeSent "CS-R217"
        "a code was asked for, and is sent",
        "nobody": "the answer is a login of its own";
    PasscodeNowhere "CS-R218"
        "a code was asked for, and the user has no address, or a rule that sends none",
        "operator": "`user set --email` or `--phone`, or `passcode` in the user's rule";
    PasscodeLimit "CS-R219"
        "a code was asked for, and too many were sent: to this user, or by the whole cluster",
        "user": "wait; an operator may look at who asks, and at limits.passcodes_per_minute";
    ResponseForPassword "CS-R220"
        "CHAP or MS-CHAPv2, and the rule asks for a password",
        "device administrator": "set the device to PAP, or let a rule ask for the code alone";
    ResponseToChallenge "CS-R221"
        "CHAP or MS-CHAPv2, and the code is asked for in a challenge",
        "device administrator": "set the device to PAP, or the rule's prompt to append";
    UnservedChap "CS-R222"
        "MS-CHAP of the first version, or a change of the password",
        "device administrator": "set the device to MS-CHAPv2, or to PAP";
    BrokenResponse "CS-R223"
        "a CHAP or MS-CHAPv2 response without its challenge, or of another length",
        "device administrator": "update the device, or set it to PAP";
    InitialUsed "CS-R224"
        "the user has no token, and has had all the initial logins that the rule allows",
        "operator": "`token add`, or `user allow` for as many again";
    ForwardToChallenge "CS-R225"
        "a challenge was answered, and by now a rule forwards the login to an old server",
        "user": "log in again";
    WrongCode "CS-R301"
        "the code fits no token of the user",
        "user": "wait for the next code; `token resync` if the clock of the token is off";
    Replay "CS-R302"
        "the code was already spent by another login",
        "user": "wait for the next code";
    Waiting "CS-R303"
        "too many wrong codes from this place",
        "user": "wait, or `user unlock`";
    Locked "CS-R304"
        "too many wrong passwords",
        "user": "wait, or `user unlock`";
    Limit "CS-R305"
        "as many passwords as allowed are wrong or unanswered",
        "user": "wait, or `user unlock`";
    KnownWrong "CS-R306"
        "this very login was found wrong before",
        "user": "type the password again with a new code";
    WrongPassword "CS-R401"
        "the password is wrong",
        "user": "type the password again with the same or a new code";
    NoMfa "CS-R402"
        "the directory let the password alone in: no second factor is demanded of this account",
        "directory administrator": "require MFA for the account, also at trusted locations";
    AccountState "CS-R403"
        "the directory refuses the account: disabled, expired or not assigned",
        "directory administrator": "look at the sign-in log of the account";
    MustChangePassword "CS-R404"
        "the password has expired or must be changed",
        "user": "change the password";
    Policy "CS-R405"
        "a policy of the directory forbids this login",
        "directory administrator": "look at the sign-in log; demand MFA instead";
    ExternalChallenge "CS-R406"
        "another vendor's second factor, or terms of use, are asked for",
        "directory administrator": "accept external challenges in the settings if that is meant";
    NoCloudPassword "CS-R407"
        "the directory holds no password of the account",
        "directory administrator": "synchronise password hashes";
    ForeignAccount "CS-R408"
        "a guest, or an account of another directory",
        "directory administrator": "use the home directory of the account";
    LockedAtSource "CS-R409"
        "the directory has locked the account or blocked our address",
        "directory administrator": "wait; look at risky sign-ins and blocked addresses";
    SourceDown "CS-R410"
        "there is no password source, or it says that it judges nothing now",
        "operator": "`doctor`; look at the network and the state of the directory";
    SourceUnanswered "CS-R411"
        "the password source was asked and did not answer in time",
        "operator": "look at the network and the state of the directory";
    SourceMisconfigured "CS-R412"
        "the password source refuses this server, not the user",
        "operator": "`settings test-entra`";
    UnknownAnswer "CS-R413"
        "the password source gave an answer that no table knows",
        "operator": "look at the code in the event and report it";
    DeniedBefore "CS-R414"
        "the directory refused this very login before",
        "operator": "`explain` the first try of it";
    SourceUnreachable "CS-R415"
        "no node that was asked can connect to the password source",
        "operator": "`doctor`; look at name, route and certificates of the directory";
    NoAccount "CS-R416"
        "the directory has no account of this name, and the rule asks for one",
        "directory administrator": "make the account, or correct the user's name here";
    NotInGroup "CS-R417"
        "the account is in none of the groups that the rule asks for",
        "directory administrator": "put the account into one of the groups";
    DisabledInDirectory "CS-R418"
        "the user's account is disabled, expired or gone in the directory, as last synchronised",
        "directory administrator": "enable the account there; `settings sync` reads it at once";
    Deadline "CS-R501"
        "the time that the device waits is over",
        "operator": "raise the time-out of the device";
    NoQuorum "CS-R502"
        "the node cannot record anything now, so it says nothing",
        "operator": "`cluster status`";
    Unknown "CS-R503"
        "a record was sent and its result is not known, so nothing is said",
        "nobody": "the device's retry finds the result";
    Overtaken "CS-R505"
        "users, rules or the client were changed while the login was judged",
        "nobody": "the device's retry is judged by what is in force now";
    Unsealable "CS-R506"
        "a seed of the user cannot be opened with the keyring",
        "operator": "`doctor`; check the node's key file, or give the user a new token";
    PasscodeUnsent "CS-R507"
        "a code that a user asked for could not be handed over, or nobody knows whether it was",
        "operator": "look at the event, the mail server or the gateway, and the pinned hosts";
    ForwardChallenge "CS-R510"
        "the old server asks a question of its own, which is not relayed",
        "operator": "have it ask for everything at once, or give the user a token here";
    ForwardUnfit "CS-R511"
        "what the old server grants cannot be relayed whole",
        "operator": "look at its Accept: too many allowed attributes, or a broken one";
    ForwardLoop "CS-R512"
        "this cluster sent the login to an old server, which sent it back",
        "operator": "the old server must not forward logins to this cluster";
    ForwardUnaskable "CS-R513"
        "the old server cannot be asked: name or password are too long, or have a NUL",
        "user": "type name and password again";
    Store "CS-R504"
        "the store of the node failed",
        "operator": "look at the log of the node";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_reasons_share_a_code() {
        let codes: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        assert_eq!(codes.len(), Reason::ALL.len());
    }

    #[test]
    fn a_reason_is_found_by_its_number() {
        assert_eq!(Reason::WrongCode.number(), 301);
        for reason in Reason::ALL {
            assert_eq!(Reason::from_number(reason.number()), Some(*reason));
        }
        assert_eq!(Reason::from_number(9999), None);
    }
}
