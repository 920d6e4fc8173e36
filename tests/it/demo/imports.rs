//! A file of tokens with rows that are none.

use super::codes::calm_step;
use super::world::{Demo, Verdict, login, text};

/// Lines 2, 4 and 6 are good.
const FILE: &str = "upn,serial number,secret key,time interval,manufacturer,model\n\
    carol@contoso.example,c1,JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP,30,Contoso,App\n\
    dave@contoso.example,c2,not base32!,30,Contoso,App\n\
    erin@contoso.example,c3,JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXQ,30,Contoso,App\n\
    frank@contoso.example,c4,JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP,45,Contoso,App\n\
    grace@contoso.example,c5,JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP,30,Contoso,App\n\
    heidi@contoso.example,c6\n";

fn import(demo: &Demo, options: &[&str]) -> anyhow::Result<(i32, Vec<u64>, String)> {
    let args = [&["import", "azure-csv", "-"], options].concat();
    let said = demo.run_with(&args, FILE.as_bytes())?;
    let rows: serde_json::Value = serde_json::from_str(&said.out)?;
    let rows = rows.as_array().cloned().unwrap_or_default();
    let refused = rows.iter().filter(|row| !text(row, "refused").is_empty());
    let lines = refused
        .filter_map(|row| row.get("line")?.as_u64())
        .collect();
    Ok((said.status, lines, said.err))
}

fn users(demo: &Demo) -> anyhow::Result<Vec<String>> {
    let listed = demo.run(&["user", "list"])?.json()?;
    let listed = listed.as_array().cloned().unwrap_or_default();
    Ok(listed
        .iter()
        .map(|user| text(user, "name").to_owned())
        .collect())
}

#[tokio::test]
async fn bad_rows_are_told_by_number_and_stop_only_an_atomic_import() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let before = users(&demo)?;
    for options in [&["--atomic"][..], &["--dry-run"]] {
        let (status, refused, said) = import(&demo, options)?;
        assert_eq!(status, 1, "{options:?}: {said}");
        for line in [3, 5, 7] {
            assert!(refused.contains(&line), "{options:?}: {refused:?}");
        }
        assert_eq!(users(&demo)?, before, "{options:?} has imported something");
    }
    let (status, refused, said) = import(&demo, &[])?;
    assert_eq!((status, refused), (1, vec![3, 5, 7]), "{said}");
    assert!(said.contains("3 of 6 rows"), "{said}");
    let after = users(&demo)?;
    let new: Vec<_> = after.iter().filter(|name| !before.contains(name)).collect();
    assert_eq!(
        new,
        [
            "carol@contoso.example",
            "erin@contoso.example",
            "grace@contoso.example"
        ]
    );
    let app = super::codes::App::new("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")?;
    let code = app.code(calm_step(10).await)?;
    let verdict = login(&demo.proxy()?, "carol@contoso.example", &code, "").await?;
    assert_eq!(verdict, Verdict::Accept, "the imported token works");
    Ok(())
}
