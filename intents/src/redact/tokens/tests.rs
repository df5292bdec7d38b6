use proptest::prelude::*;
use serde_json::json;

use super::*;

fn tokens() -> Tokens {
    Tokens::new([7; 32])
}

/// What stays of a text: where letters, digits and everything else stand.
fn shape(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            c if c.is_ascii_digit() => '0',
            c if c.is_uppercase() => 'A',
            c if c.is_alphabetic() => 'a',
            c => c,
        })
        .collect()
}

#[test]
fn each_kind_keeps_its_shape_and_nothing_of_what_it_was() {
    for (text, gone) in [
        ("write to Ann.B+shop@example.co.uk today", vec!["Ann", "example", "shop"]),
        ("pay GB82 WEST 1234 5698 7654 32 now", vec!["WEST", "5698"]),
        ("card 4111 1111 1111 1111.", vec!["1111 1111"]),
        ("call +39 02 1234 5678, please", vec!["1234", "5678"]),
        ("from Ann Miller <ann@example.com>", vec!["Ann", "Miller", "ann@"]),
        ("key sk-proj0123456789abcdef is ours", vec!["0123456789abcdef"]),
        ("https://bot:hunter2@mail.example/a?sig=abc123", vec!["bot", "hunter2", "abc123"]),
        ("the password is hunter2, she said", vec!["hunter2"]),
    ] {
        let copy = tokens().text(text);
        assert_eq!(shape(&copy), shape(text), "{copy}");
        for part in gone {
            assert!(!copy.contains(part), "{copy} still has {part}");
        }
    }
}

#[test]
fn what_says_no_secret_stays_as_it_is() {
    for text in [
        "https://books.example/api/invoices?page=2",
        "Invoice 2026-117 of 1,200.50 EUR is due on 2026-03-01",
        "order 1763630000000 is for the author",
        "[redacted]",
        "",
    ] {
        assert_eq!(tokens().text(text), text);
    }
}

#[test]
fn cards_and_accounts_still_prove_themselves() {
    let mut tokens = tokens();
    let card = tokens.text("4111 1111 1111 1111");
    assert!(crate::redact::check_digits::is_card(&card), "{card}");
    assert_eq!(card.replace(' ', ""), tokens.text("4111111111111111"), "grouped or not, it is the same card");
    let account = tokens.text("GB82 WEST 1234 5698 7654 32");
    assert_eq!(crate::redact::check_digits::iban_at_start(&account), Some(account.len()), "{account}");
    assert_eq!(account.replace(' ', ""), tokens.text("GB82WEST12345698765432"));
}

#[test]
fn what_a_script_makes_of_a_text_has_the_token_made_the_same_way() {
    let mut tokens = tokens();
    let mail = tokens.text("Ann.Miller@Example.com");
    assert_eq!(tokens.text("ann.miller@example.com"), mail.to_lowercase());
    let (local, domain) = mail.split_once('@').unwrap();
    assert_eq!(tokens.text("@example.com"), format!("@{}", domain.to_lowercase()));
    assert_eq!(tokens.text("Dear Ann.Miller,"), format!("Dear {local},"));
    let query = tokens.text("https://example.com/find?who=ann.miller%40example.com");
    assert_eq!(query, format!("https://example.com/find?who={}", mail.to_lowercase().replace('@', "%40")));
}

#[test]
fn a_name_at_a_telling_place_is_replaced_wherever_it_stands() {
    let mut tokens = tokens();
    let value = json!({ "text": "Dear Ann, will you pay?", "client": { "full_name": "Ann Will" } });
    let copy = tokens.value(&value);
    let name = copy["client"]["full_name"].as_str().unwrap().to_owned();
    let (first, last) = name.split_once(' ').unwrap();
    assert_eq!(shape(&name), "Aaa Aaaa");
    assert_eq!(copy["text"], format!("Dear {first}, will you pay?"));
    assert_eq!(tokens.text("Mr Will"), format!("Mr {last}"));
}

#[test]
fn numbers_keep_their_digits_sign_and_decimals_and_dates_stay() {
    let declared = ["/all".parse().unwrap()];
    let value = json!({ "all": { "a": -1200.5, "b": 42, "c": 0, "d": "2026-03-01T10:00:00Z", "e": true, "f": null } });
    let copy = tokens().value_at(&value, &declared);
    let number = |name: &str| copy["all"][name].to_string();
    assert_eq!((shape(&number("a")), shape(&number("b"))), ("-0000.0".into(), "00".into()));
    assert_ne!(number("a"), "-1200.5");
    for kept in ["d", "e", "f"] {
        assert_eq!(copy["all"][kept], value["all"][kept]);
    }
}

#[test]
fn a_script_keeps_its_code() {
    let source = concat!(
        "const token = await tools.http.get({ url: \"https://a.example/x\" }); // ask ann@example.com\n",
        "const it = /[\"']/.test(token) ? 'bob@example.com' : `no ${token}`;\n",
    );
    let mut tokens = tokens();
    let copy = tokens.code(source);
    assert!(
        copy.starts_with("const token = await tools.http.get({ url: \"https://a.example/x\" }); // ask "),
        "{copy}"
    );
    assert!(copy.contains("/[\"']/.test(token) ? '"), "{copy}");
    assert!(!copy.contains("ann@example.com") && !copy.contains("bob@example.com"), "{copy}");
    assert_eq!(tokens.back(&copy), source);
}

#[test]
fn another_key_draws_other_tokens() {
    assert_ne!(Tokens::new([1; 32]).text("ann@example.com"), Tokens::new([2; 32]).text("ann@example.com"));
}

#[test]
fn capitals_of_every_alphabet_come_back() {
    for name in ["Ὑπατία Παλαιά", "NGUYỄN Thị Hồng", "𐐔𐐯𐑅 Miller", "Ⴀⴀ Miller", "王 Miller"]
    {
        let text = format!("{name} <ann@example.com>");
        let mut tokens = tokens();
        tokens.learn(&json!(text), &[]);
        let once = tokens.text(&text);
        assert_eq!(tokens.back(&once), text, "by way of {once}");
        assert_eq!(tokens.text(&name.to_lowercase()).to_lowercase(), tokens.text(name).to_lowercase(), "{name}");
    }
}

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z]{1,8}@[a-z]{2,8}\\.(com|example)",
        "password=[a-zA-Z0-9]{4,12}",
        "sk-[A-Za-z0-9]{16,20}",
        "\\PC{0,6}",
        prop::sample::select(vec![
            "4111 1111 1111 1111",
            "GB82WEST12345698765432",
            "+39 02 1234 5678",
            "Ann Miller <ann@example.com>",
            "[redacted]",
            "plain words",
            "2026-03-01",
            "the pin is 7",
            "Authorization: Bearer abc.def-123456\n",
            "É",
            "://a:b@c",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.join(" "))
}

fn secrets() -> impl Strategy<Value = Value> {
    let one = prop_oneof![
        "[a-zA-Zé0-9 .-]{0,12}".prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        (-1_000_000i64..1_000_000).prop_map(|cents| json!(cents as f64 / 100.0)),
        pieces().prop_map(Value::from),
    ];
    prop::collection::vec(one, 1..12).prop_map(Value::from)
}

proptest! {
    #[test]
    fn twice_is_once_and_there_is_a_way_back(text in pieces()) {
        let mut tokens = tokens();
        tokens.learn(&json!(text), &[]);
        let once = tokens.text(&text);
        prop_assert_eq!(&tokens.text(&once), &once);
        prop_assert_eq!(once.chars().count(), text.chars().count());
        prop_assert_eq!(tokens.back(&once), text);
    }

    #[test]
    fn equal_stays_equal_and_different_stays_different(all in secrets()) {
        let mut tokens = tokens();
        let declared = ["/*".parse().unwrap()];
        let copy = tokens.value_at(&all, &declared);
        let (all, copied) = (all.as_array().unwrap(), copy.as_array().unwrap());
        for (one, one_copy) in all.iter().zip(copied) {
            for (other, other_copy) in all.iter().zip(copied) {
                prop_assert_eq!(one == other, one_copy == other_copy, "{} {} / {} {}", one, other, one_copy, other_copy);
            }
        }
        prop_assert_eq!(&tokens.value_at(&copy, &declared), &copy);
    }

    #[test]
    fn nothing_of_a_secret_remains(secret in "zq[A-Z0-9]{10,20}", name in prop::sample::select(vec!["password", "api_key"])) {
        let mut tokens = tokens();
        let value = json!({ "later": format!("it was {secret}!"), name: secret, "text": format!("{name}={secret}") });
        let copy = tokens.value(&value).to_string();
        prop_assert!(!copy.contains(&secret), "{}", copy);
    }
}
