//! Tell me when it is cheap, or back: once for each crossing, and never because a page looks otherwise.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::calendar::{Noon, every};
use crate::conversation::{Conversation, Names};
use crate::delegated::delegate;
use crate::support::place::{Place, SOON};
use crate::support::recorder::{Recorder, Reply};
use crate::support::wait::until;

/// What the shop shows.
#[derive(Clone, Copy)]
enum Page {
    /// The product: the price as people see it, the price for machines, and whether it is there.
    Product(&'static str, &'static str, bool),
    /// The price stands elsewhere, and only for people.
    Redesigned(&'static str),
    /// Nobody knows where the price is.
    Rebuilt,
    CookieWall,
    Status(u16),
}

fn html(page: Page) -> Reply {
    // Another product comes first, and it is cheap.
    let other = r#"<section class="recommended"><article data-sku="NV-100"><h2>Nova 100</h2>
<span class="price">199,00 €</span> <span class="stock">In stock</span></article></section>"#;
    let around = |head: &str, body: &str| {
        let text = format!(
            "<!doctype html>\n<html><head><title>Nova 300</title>\n{head}</head>\n<body>\n{body}\n</body></html>\n"
        );
        Reply::Says(200, "text/html; charset=utf-8", text)
    };
    match page {
        Page::Product(shown, price, there) => {
            let availability = if there { "InStock" } else { "OutOfStock" };
            let offer = json!({ "price": price, "priceCurrency": "EUR", "availability": format!("https://schema.org/{availability}") });
            let data = json!({ "@type": "Product", "sku": "NV-300", "offers": offer });
            let stock = if there { "Auf Lager" } else { "Ausverkauft" };
            let body = format!(
                "{other}\n<main data-sku=\"NV-300\"><h1>Nova 300</h1>\n<span class=\"price\">{shown}</span>\n<span class=\"stock\">{stock}</span></main>"
            );
            around(&format!("<script type=\"application/ld+json\">{data}</script>\n"), &body)
        }
        Page::Redesigned(shown) => {
            let body = format!(
                "{other}\n<div class=\"hero\" data-sku=\"NV-300\">\n<p>Nova 300</p>\n<b itemprop=\"price\">{shown}</b>\n<link itemprop=\"availability\" href=\"https://schema.org/InStock\"></div>"
            );
            around("", &body)
        }
        Page::Rebuilt => around("", &format!("{other}\n<app-root></app-root>")),
        Page::CookieWall => {
            around("", "<div id=\"cookie-consent\"><h1>Before you continue</h1><button>Accept all</button></div>")
        }
        Page::Status(status) => Reply::Says(status, "text/html", "<h1>no</h1>".to_owned()),
    }
}

struct Shop<'a> {
    place: &'a Place,
    shows: Arc<Mutex<Page>>,
}

impl Shop<'_> {
    fn shows(&self, page: Page) {
        *self.shows.lock().unwrap() = page;
    }

    /// Looks at the page once, and gives what the person has been told so far, the last first.
    fn looked(&self, page: Page, phase: &str) -> Vec<String> {
        self.shows(page);
        let run = self.place.run("price-watch", &json!({}));
        self.place.run_is(&run, phase);
        self.told()
    }

    fn told(&self) -> Vec<String> {
        let notices = self.place.get("/v1/notices");
        notices["items"].as_array().unwrap().iter().map(|notice| notice["title"].as_str().unwrap().to_owned()).collect()
    }

    fn open_needs(&self) -> Vec<Value> {
        self.place.get("/v1/needs")["items"].as_array().cloned().unwrap_or_default()
    }
}

#[test]
fn one_alert_comes_for_each_crossing_and_none_for_a_page_that_looks_otherwise() {
    let shows = Arc::new(Mutex::new(Page::Product("349,00 €", "349.00", false)));
    let shared = Arc::clone(&shows);
    let service = Recorder::replying(move |_| html(*shared.lock().unwrap()));
    let place = Place::new();
    let server = place.start();
    place.set("egress.allow_private", &json!([service.address().to_string()]));
    let names = Names::default()
        .with("shop", service.address())
        .with("zone", Noon::now().zone)
        .with("every_30_minutes", every(30));
    let card = delegate(&place, &Conversation::read("price-watch", &names));
    card.is_sound(&["At most 6 notices in 1 day", "No notices from 22:00 to 07:00"]);
    card.confirm();
    let shop = Shop { place: &place, shows };

    assert!(shop.looked(Page::Product("349,00 €", "349.00", false), "succeeded").is_empty(), "it is dear, and away");
    assert!(shop.looked(Page::Product("1.099,00 €", "1099.00", false), "succeeded").is_empty());
    assert!(shop.looked(Page::Product("€1,099.00", "1,099.00", false), "succeeded").is_empty());
    let both = ["Nova 300: back in stock", "Nova 300: under 300 €"];
    assert_eq!(shop.looked(Page::Product("€299.00", "299.00", true), "succeeded"), both);
    assert_eq!(shop.looked(Page::Product("299,00 €", "299.00", true), "succeeded"), both, "nothing has changed");
    assert_eq!(shop.looked(Page::Redesigned("289,00 €"), "succeeded"), both, "it stands elsewhere");
    assert_eq!(shop.looked(Page::Product("0,00 €", "0", true), "succeeded"), both, "nothing is no price");
    assert_eq!(shop.looked(Page::Product("349,00 €", "349.00", true), "succeeded"), both, "it goes up without a word");
    let three = ["Nova 300: under 300 €", both[0], both[1]];
    assert_eq!(shop.looked(Page::Product("295,50 €", "295.50", true), "succeeded"), three, "a second crossing");

    // A wall, and a page that nobody knows any more, are a need each, however often they are met.
    shop.looked(Page::CookieWall, "failed");
    shop.looked(Page::CookieWall, "failed");
    let needs = shop.open_needs();
    assert_eq!(needs.len(), 1, "{needs:#?}");
    assert!(needs[0].to_string().contains("cookie wall"), "{needs:#?}");
    assert_eq!(shop.looked(Page::Rebuilt, "failed"), three);

    // A page that is down is no news: the run waits for it.
    shop.shows(Page::Status(503));
    let run = place.run("price-watch", &json!({}));
    place.run_is(&run, "waiting");
    shop.shows(Page::Product("295,50 €", "295.50", true));
    until("the run goes on", SOON, || {
        let phase = place.get(&format!("/v1/runs/{run}"))["run"]["phase"].clone();
        (phase == "succeeded").then_some(())
    });
    assert_eq!(shop.told(), three);

    // A shop that locks us out asks, and tells nothing.
    shop.shows(Page::Status(403));
    let run = place.run("price-watch", &json!({}));
    place.run_is(&run, "waiting");
    place.need("HTTP_FORBIDDEN");
    assert_eq!(shop.told(), three);
    assert!(server.end().success());
}
