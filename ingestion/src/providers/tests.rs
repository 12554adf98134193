//! What the providers file may say, and that nothing it keeps secret is told.

use axum::http::{HeaderValue, header};

use super::*;

const FILE: &str = r#"
[providers.md]
tokens = ["old-token-of-md-1", "new-token-of-md-2"]
messages_per_second = 10
burst = 20

[providers.nhl]
tokens = ["the-token-of-nhl-3"]
messages_per_second = 1
burst = 1
"#;

fn is_authorised(providers: &Providers, provider: &str, token: &str) -> bool {
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}")).unwrap());
    providers.authorise(&Name::new(provider).unwrap(), &headers).is_ok()
}

fn error(text: &str) -> String {
    match parse(text, None) {
        Ok(_) => panic!("accepted: {text}"),
        Err(error) => format!("{error:#}"),
    }
}

#[test]
fn every_token_of_a_provider_lets_in_and_those_of_others_do_not() {
    let providers = Providers { file: None, known: RwLock::new(Some(Arc::new(parse(FILE, None).unwrap()))) };
    assert!(is_authorised(&providers, "md", "old-token-of-md-1"));
    assert!(is_authorised(&providers, "md", "new-token-of-md-2"));
    assert!(is_authorised(&providers, "nhl", "the-token-of-nhl-3"));
    for (provider, token) in [
        ("md", "the-token-of-nhl-3"),
        ("nhl", "old-token-of-md-1"),
        ("md", "no-token-at-all-4"),
        ("other", "old-token-of-md-1"),
    ] {
        assert!(!is_authorised(&providers, provider, token), "{provider} {token}");
    }
    assert!(providers.authorise(&Name::new("md").unwrap(), &HeaderMap::new()).is_err());
}

#[test]
fn the_files_that_the_documentation_shows_are_taken_as_they_are() {
    let shown = |page: &'static str| page.split_once("```toml\n").unwrap().1.split_once("```").unwrap().0;
    let pages = [include_str!("../../../docs/protocol.md"), include_str!("../../../docs/uof.md")];
    let dialects = [("md", "the-token-in-use"), ("uof", "at-least-16-characters")];
    for (page, (provider, token)) in pages.into_iter().zip(dialects) {
        let known = parse(shown(page), None).unwrap();
        let providers = Providers { file: None, known: RwLock::new(Some(Arc::new(known))) };
        assert!(is_authorised(&providers, provider, token), "{page}");
    }
}

#[test]
fn without_a_file_anyone_may_push() {
    let providers = Providers::new(None).unwrap();
    let sender = providers.authorise(&Name::new("md").unwrap(), &HeaderMap::new()).unwrap();
    assert!(sender.bucket.is_none() && sender.dialect == Dialect::Native);
}

#[test]
fn errors_name_line_and_key_and_no_token() {
    const SECRET: &str = "s3cr3t-s3cr3t-s3cr3t";
    let entry =
        |tokens: &str| format!("[providers.md]\ntokens = {tokens}\nmessages_per_second = 10\nburst = 20\n");
    let good = entry(&format!("[\"{SECRET}\"]"));
    assert!(parse(&good, None).is_ok());
    for (text, parts) in [
        (entry(&format!("\"{SECRET}\"")), &["line 2", "providers.md.tokens", "array"][..]),
        (entry(&format!("[\"{SECRET}\", 7]")), &["line 2", "providers.md.tokens[1]", "token"]),
        (entry(&format!("[\"{SECRET}\", \"short\"]")), &["line 2", "providers.md.tokens[1]", "16 to 512"]),
        (entry(&format!("[\"{SECRET} {SECRET}\"]")), &["line 2", "providers.md.tokens[0]", "consists of"]),
        (entry(&format!("[\"{SECRET}\", \"{SECRET}\"]")), &["providers.md", "twice"]),
        (entry(&format!("[\"{SECRET}")), &["line 3", "expected"]),
        (entry(SECRET), &["line 2"]),
        (entry("[]"), &["providers.md", "`tokens` is empty"]),
        (good.replace("burst", "bursts"), &["line 4", "providers.md", "unknown field `bursts`"]),
        (good.replace("burst = 20", ""), &["line 1", "providers.md", "missing field `burst`"]),
        (good.replace("= 20", "= 0"), &["line 4", "providers.md.burst", "nonzero"]),
        (good.replace("= 10", "= 1.5"), &["line 3", "providers.md.messages_per_second", "1.5"]),
        (good.replace(".md", ".MD"), &["providers.MD"]),
        (format!("{good}format = \"xml\"\n"), &["line 5", "providers.md.format", "unknown variant `xml`"]),
        (format!("{good}{good}"), &["line 5"]),
        ("limit = 4\n".to_owned(), &["line 1", "unknown field `limit`"]),
        (String::new(), &["missing field `providers`"]),
        ("[providers]".to_owned(), &["`providers` is empty"]),
    ] {
        let error = error(&text);
        for part in parts {
            assert!(error.contains(part), "{part} is not in: {error}\n{text}");
        }
        assert!(!error.contains("s3cr3t"), "tells a token: {error}");
    }
}

#[test]
fn reading_again_replaces_tokens_keeps_buckets_and_keeps_all_when_the_file_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("providers.toml");
    std::fs::write(&path, FILE).unwrap();
    let providers = Providers::new(Some(path.clone())).unwrap();
    let bucket = |provider: &str| {
        providers.known().unwrap()[&Name::new(provider).unwrap()].sender.bucket.clone().unwrap()
    };
    let before = [bucket("md"), bucket("nhl")];

    std::fs::write(
        &path,
        FILE.replace("old-token-of-md-1", "newest-token-of-md").replace("burst = 1\n", "burst = 2\n"),
    )
    .unwrap();
    providers.reload().unwrap();
    assert!(
        is_authorised(&providers, "md", "newest-token-of-md")
            && is_authorised(&providers, "md", "new-token-of-md-2")
    );
    assert!(!is_authorised(&providers, "md", "old-token-of-md-1"));
    assert!(Arc::ptr_eq(&before[0], &bucket("md")), "as full as it was");
    assert!(!Arc::ptr_eq(&before[1], &bucket("nhl")));

    std::fs::write(&path, "oops").unwrap();
    let error = format!("{:#}", providers.reload().unwrap_err());
    assert!(error.contains("providers.toml: line 1"), "{error}");
    assert!(is_authorised(&providers, "md", "newest-token-of-md"));
}
