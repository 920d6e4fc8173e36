//! Whole logins whose passwords and accounts a real Active Directory has, beside Entra.
//! `tests/directory/run` sets it up, runs these cases, and counts them.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::codes::{App, calm_step};
use super::process::{self, Process, until};
use super::rules::ask;
use super::world::{Demo, HOME, Verdict, login};

/// A demo whose node may ask the directory, which proves the passwords of its own domain.
struct World {
    demo: Demo,
    app: App,
    password: String,
    _node: Process,
}

impl World {
    async fn start() -> anyhow::Result<Self> {
        Self::with("").await
    }

    /// With this much more in the document of settings.
    async fn with(more: &str) -> anyhow::Result<Self> {
        let demo = Demo::start(1)?;
        pin(&demo)?;
        process::kill(demo.pid()?)?;
        let node = Process::serve(demo.config(), &demo.node_log())?;
        until("the node is there again", async || {
            demo.watch("ready").await.is_some()
        })
        .await?;
        let this = Self {
            app: App::new(SEED)?,
            password: told("DIRECTORY_PASSWORD")?,
            demo,
            _node: node,
        };
        this.apply_sources(more)?;
        this.import()?;
        Ok(this)
    }

    /// Entra for its domain, the directory for its own, and nobody for any other.
    fn apply_sources(&self, more: &str) -> anyhow::Result<()> {
        let shown = self.demo.run(&["settings", "show"])?.json()?;
        let shown = shown.get("document").and_then(Value::as_str);
        let entra = shown.context("no document")?.replace(
            "name = \"entra\"",
            "name = \"entra\"\ndomains = [\"contoso.example\"]",
        );
        let document = format!(
            "{entra}\n[[source]]\nname = \"ad\"\ndomains = [\"corp.contoso.example\"]\n\
             [source.ldap]\nservers = [\"ldaps://dc1.corp.contoso.example\"]\n\
             kind = \"active-directory\"\nbind = \"upn\"\n\
             base_dn = \"DC=corp,DC=contoso,DC=example\"\n\
             service_name = \"svc@corp.contoso.example\"\nservice_password = '{}'\n\
             {more}",
            self.password
        );
        let applied = self
            .demo
            .run_with(&["settings", "apply", "-"], document.as_bytes())?;
        ensure!(applied.status == 0, "{}", applied.err);
        Ok(())
    }

    /// The directory's people, each with the same token.
    fn import(&self) -> anyhow::Result<()> {
        let mut csv = "upn,serial number,secret key,time interval,manufacturer,model\n".to_owned();
        for (at, name) in PEOPLE.iter().enumerate() {
            csv += &format!("{name}@{DOMAIN},ad-{at},{SEED},30,Contoso,App\n");
        }
        csv += &format!("{AT_OPENLDAP},openldap-0,{SEED},30,Contoso,App\n");
        let file = self.demo.folder().join("people.csv");
        fs::write(&file, csv)?;
        let file = file.to_str().context("a path")?;
        let imported = self.demo.run(&["import", "azure-csv", file])?;
        ensure!(imported.status == 0, "{}", imported.err);
        for name in PEOPLE {
            let alias = format!("CORP\\{name}");
            let full = format!("{name}@{DOMAIN}");
            let set = self.demo.run(&["user", "set", &full, "--alias", &alias])?;
            ensure!(set.status == 0, "{}", set.err);
        }
        Ok(())
    }

    async fn code(&self) -> anyhow::Result<String> {
        self.app.code(calm_step(12).await)
    }

    /// At the client that asks for password and code.
    async fn with_password(&self, name: &str, password: &str) -> anyhow::Result<Verdict> {
        let typed = password.to_owned() + &self.code().await?;
        login(&self.demo.vpn()?, &format!("{name}@{DOMAIN}"), &typed, HOME).await
    }

    /// One login of many by one user, each from another place and with the next code once one
    /// may be spent; and why it ended so.
    async fn next(&self, name: &str, so_far: u8) -> anyhow::Result<(Verdict, String)> {
        let step = calm_step(12).await + u64::from(so_far > 1);
        let typed = self.password.clone() + &self.app.code(step)?;
        let caller = format!("203.0.113.{so_far}");
        let verdict = login(&self.demo.vpn()?, name, &typed, &caller).await?;
        let reasons = self.demo.reasons(name, usize::from(so_far) + 1).await?;
        let reason = reasons.last().cloned().context("no event")?;
        Ok((verdict, reason))
    }

    /// A round that must not be held.
    fn sync(&self, source: &str, more: &[&str]) -> anyhow::Result<()> {
        let sync = ["settings", "sync", "--source", source];
        let done = self.demo.run(&[&sync, more].concat())?;
        ensure!(done.status == 0, "{}", done.err);
        Ok(())
    }

    /// The reason of this user's last login.
    async fn reason(&self, name: &str, count: usize) -> anyhow::Result<String> {
        let reasons = self
            .demo
            .reasons(&format!("{name}@{DOMAIN}"), count)
            .await?;
        reasons.last().cloned().context("no event")
    }

    fn rule(&self, args: &[&str]) -> anyhow::Result<()> {
        let added = self.demo.run(&[&["rule", "add"], args].concat())?;
        ensure!(added.status == 0, "{}", added.err);
        Ok(())
    }
}

/// What this node's own file must say before any settings may send a password there.
fn pin(demo: &Demo) -> anyhow::Result<()> {
    let config = fs::read_to_string(demo.config())?;
    let pinned = config.replace(
        "[sources]\n",
        &format!("[sources]\nldap_servers = [\"dc1.corp.contoso.example\", \"{OPENLDAP}\"]\n"),
    );
    ensure!(pinned != config, "no [sources] in the node's file");
    fs::write(demo.config(), pinned)?;
    let file = demo.told("/entra/ca_file");
    let own = fs::read(format!("{}/ca.pem", told("COUNTERSIGN_DIRECTORY")?))?;
    fs::write(file, [fs::read(file)?, own].concat())?;
    Ok(())
}

fn told(variable: &str) -> anyhow::Result<String> {
    std::env::var(variable).context("tests/directory/run says where the directories are")
}

/// Changes something at Samba, as its administrator.
fn at_samba(args: &[&str]) -> anyhow::Result<()> {
    let conf = format!("{}/dc/etc/smb.conf", told("COUNTERSIGN_DIRECTORY")?);
    let done = Command::new("samba-tool")
        .args(args)
        .args(["-s", &conf])
        .output()?;
    ensure!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    Ok(())
}

/// Puts this one into the group at OpenLDAP, and nobody else.
fn at_openldap(group: &str, member: &str) -> anyhow::Result<()> {
    let base = "dc=contoso,dc=example";
    let change = format!(
        "dn: cn={group},ou=groups,{base}\nchangetype: modify\nreplace: member\n\
         member: uid={member},ou=people,{base}\n"
    );
    let mut modify = Command::new("ldapmodify");
    modify.args(["-x", "-H", "ldaps://127.0.0.1:6360", "-D"]);
    modify.arg(format!("cn=admin,{base}"));
    modify.arg("-w").arg(told("DIRECTORY_PASSWORD")?);
    modify.env("LDAPTLS_REQCERT", "never").stdin(Stdio::piped());
    let mut running = modify.stdout(Stdio::null()).spawn()?;
    let mut input = running.stdin.take().context("no standard input")?;
    input.write_all(change.as_bytes())?;
    drop(input);
    ensure!(running.wait()?.success(), "the group cannot be changed");
    Ok(())
}

const DOMAIN: &str = "corp.contoso.example";
const PEOPLE: [&str; 6] = ["alice", "disabled", "expired", "mover", "nested", "nobody"];
const OPENLDAP: &str = "ldap.contoso.example:6360";
const AT_OPENLDAP: &str = "mover@people.contoso.example";
const SEED: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

#[tokio::test]
#[ignore = "tests/directory/run sets a directory up and runs it"]
async fn a_user_is_let_in_by_the_directory_of_the_names_domain() -> anyhow::Result<()> {
    let world = World::start().await?;
    let right = world.password.clone();
    assert_eq!(
        world.with_password("alice", "wrong").await?,
        Verdict::Reject
    );
    assert_eq!(world.with_password("alice", &right).await?, Verdict::Accept);
    assert_eq!(
        world.with_password("disabled", &right).await?,
        Verdict::Reject
    );
    assert_eq!(world.reason("disabled", 1).await?, "CS-R403");
    assert_eq!(world.demo.questions().await?, 0, "Entra was asked");
    Ok(())
}

#[tokio::test]
#[ignore = "tests/directory/run sets a directory up and runs it"]
async fn while_entra_is_down_the_directory_answers_and_nothing_is_counted() -> anyhow::Result<()> {
    let world = World::start().await?;
    world.demo.entra(&json!({"outage": true})).await?;
    let right = world.password.clone();
    assert_eq!(world.with_password("alice", &right).await?, Verdict::Accept);
    let alice = world.demo.alice()?;
    let device = world.demo.vpn()?;
    let step = calm_step(20).await;
    let typed = alice.password.clone() + &alice.app.code(step)?;
    assert_eq!(
        login(&device, &alice.name, &typed, HOME).await?,
        Verdict::Reject
    );
    let shown = world.demo.run(&["user", "show", &alice.name])?.json()?;
    assert_eq!(shown.get("locked"), Some(&Value::Bool(false)));
    world.demo.entra(&json!({"outage": false})).await?;
    // The code was not spent, so the same login is let in once Entra answers again.
    until("Entra is asked again", async || {
        let verdict = login(&device, &alice.name, &typed, HOME).await;
        verdict.is_ok_and(|verdict| verdict == Verdict::Accept)
    })
    .await
}

/// A gateway before web mail: name and code alone, an account that lives, one canonical name
/// back, whichever form of the name was typed.
#[tokio::test]
#[ignore = "tests/directory/run sets a directory up and runs it"]
async fn a_gateway_lets_in_by_name_and_code_whose_account_is_alive() -> anyhow::Result<()> {
    let world = World::start().await?;
    world.rule(&[
        "web-mail",
        "--client=proxy",
        "--factors=code",
        "--account=required",
        "--account-group=outer",
        "--attribute=User-Name={user.name}",
        "--attribute=Class=mail",
    ])?;
    let device = world.demo.proxy()?;
    let code = world.code().await?;
    let at_gateway = async |name: &str| login(&device, name, &code, HOME).await;
    for (name, verdict, reason) in [
        ("CORP\\nested", Verdict::Accept, "CS-R000"),
        ("CORP\\alice", Verdict::Reject, "CS-R417"),
        ("disabled@corp.contoso.example", Verdict::Reject, "CS-R403"),
        ("EXPIRED@corp.contoso.example", Verdict::Reject, "CS-R403"),
        ("nobody@corp.contoso.example", Verdict::Reject, "CS-R416"),
    ] {
        assert_eq!(at_gateway(name).await?, verdict, "{name}");
        let reasons = world.demo.reasons(name, 1).await?;
        assert_eq!(reasons, [reason], "{name}");
    }
    // One person, one counter: the same code in another form of the name is a replay.
    let again = at_gateway("nested@corp.contoso.example").await?;
    assert_eq!(again, Verdict::Accept, "a retry of the same caller");
    let elsewhere = login(
        &device,
        "nested@corp.contoso.example",
        &code,
        "203.0.113.99",
    )
    .await?;
    assert_eq!(elsewhere, Verdict::Reject, "a replay");
    let tried = world
        .demo
        .run(&["rule", "test", "CORP\\nested", "--client", "proxy"])?;
    assert!(
        tried.out.contains("nested@corp.contoso.example"),
        "the canonical name: {}",
        tried.out
    );
    Ok(())
}

#[tokio::test]
#[ignore = "tests/directory/run sets a directory up and runs it"]
async fn groups_that_the_directory_tells_stand_in_the_accept() -> anyhow::Result<()> {
    let world = World::start().await?;
    world.rule(&[
        "web-mail",
        "--client=proxy",
        "--factors=code",
        "--account=required",
        // Through another group, and no round has run.
        "--attribute=Class=OU={account.group:out};",
    ])?;
    let code = world.code().await?;
    let told = ask(&world.demo.proxy()?, "CORP\\nested", &code).await?;
    assert_eq!(told.classes, ["OU=outer;"], "{told:?}");
    Ok(())
}

fn refused(reason: &str) -> (Verdict, String) {
    (Verdict::Reject, reason.to_owned())
}

#[tokio::test]
#[ignore = "tests/directory/run sets a directory up and runs it"]
async fn who_is_disabled_there_or_leaves_a_group_is_refused_after_a_round() -> anyhow::Result<()> {
    let world = World::start().await?;
    // By a group in which the user's own group is.
    world.rule(&["vpn", "--client=vpn", "--group=outer", "--factors=both"])?;
    let mover = format!("mover@{DOMAIN}");
    assert_eq!(
        world.next(&mover, 0).await?,
        refused("CS-R206"),
        "no round yet"
    );
    // Half of these people are disabled, expired or nobody: too many to be refused unasked.
    assert!(world.sync("ad", &[]).is_err());
    world.sync("ad", &["--confirm"])?;
    assert_eq!(world.next(&mover, 1).await?.0, Verdict::Accept);
    at_samba(&["user", "disable", "mover"])?;
    world.sync("ad", &[])?;
    assert_eq!(world.next(&mover, 2).await?, refused("CS-R418"));
    at_samba(&["user", "enable", "mover"])?;
    at_samba(&["group", "removemembers", "inner", "mover"])?;
    world.sync("ad", &[])?;
    assert_eq!(world.next(&mover, 3).await?, refused("CS-R206"));
    at_samba(&["group", "addmembers", "inner", "mover"])?;
    world.sync("ad", &[])?;
    assert_eq!(world.next(&mover, 4).await?.0, Verdict::Accept);
    Ok(())
}

#[tokio::test]
#[ignore = "tests/directory/run sets a directory up and runs it"]
async fn who_leaves_a_group_at_openldap_is_refused_after_a_round() -> anyhow::Result<()> {
    // A source of its own: its strict lockout would leave the others one wrong password.
    let openldap = format!(
        "\n[[source]]\nname = \"openldap\"\ndomains = [\"people.contoso.example\"]\n\
         [source.ldap]\nservers = [\"ldaps://{OPENLDAP}\"]\n\
         kind = \"openldap\"\nbind = \"search\"\nbase_dn = \"dc=contoso,dc=example\"\n\
         user_filter = \"(uid={{account}})\"\n\
         service_name = \"uid=svc,ou=people,dc=contoso,dc=example\"\n\
         service_password = '{}'\n",
        told("DIRECTORY_PASSWORD")?
    );
    let world = World::with(&openldap).await?;
    world.rule(&["vpn", "--client=vpn", "--group=vpn", "--factors=both"])?;
    at_openldap("vpn", "mover")?;
    world.sync("openldap", &[])?;
    let (verdict, reason) = world.next(AT_OPENLDAP, 0).await?;
    assert_eq!(verdict, Verdict::Accept, "{reason}");
    at_openldap("vpn", "alice")?;
    world.sync("openldap", &[])?;
    assert_eq!(world.next(AT_OPENLDAP, 1).await?, refused("CS-R206"));
    Ok(())
}
