//! Add the time sheets up at the end of the month, and mail the sum once.

use jiff::Span;
use serde_json::json;

use crate::calendar::Noon;
use crate::conversation::{Conversation, Names};
use crate::delegated::delegate;
use crate::support::mailbox::Mailbox;
use crate::support::place::Place;

#[test]
fn a_month_is_summed_up_once_and_a_line_that_is_wrong_is_named() {
    let noon = Noon::now();
    let last = noon.today.first_of_month().checked_sub(Span::new().days(1)).unwrap();
    let month = last.strftime("%Y-%m").to_string();
    let post = Mailbox::start();
    let place = Place::new().mailing_through(post.port());
    let server = place.start();
    let (sheets, summaries) = (place.grant("timesheets"), place.grant("summaries"));
    let sheet = |person: &str, text: &str| {
        std::fs::write(sheets.join(format!("{person}-{month}.csv")), text.replace("MONTH", &month)).unwrap();
    };
    sheet("ann", "date;project;hours\nMONTH-01;Harbour;7,5\nMONTH-02;Tower;0:45\n");
    sheet("ben", "date,project,hours\nMONTH-05,Harbour,4.25\n");
    std::fs::write(sheets.join("ann-1999-01.csv"), "of another month").unwrap();
    std::fs::write(sheets.join("notes.txt"), "of nothing").unwrap();

    // The next run on the first will be about this month.
    let this_month = noon.today.strftime("%Y-%m").to_string();
    std::fs::write(
        sheets.join(format!("ann-{this_month}.csv")),
        format!("date;project;hours\n{this_month}-01;Tower;8\n"),
    )
    .unwrap();

    let names = Names::default().with("zone", &noon.zone).with("month", &month).with("this_month", &this_month);
    let card = delegate(&place, &Conversation::read("timesheets", &names));
    card.is_sound(&[
        "Every month on day 1 at 08:00",
        "May send mail only to office@studio.example",
        "One mail per month, ever.",
        "What a run has read from `folder:timesheets` leaves only by or for `mail:studio.example`",
    ]);
    card.confirm();
    let run = || place.run("timesheets", &json!({}));
    place.run_is(&run(), "succeeded");
    let [mail] = post.accepted().try_into().unwrap();
    assert_eq!(mail.subject, format!("Hours of {month}: 12.50"));
    let written = std::fs::read_to_string(summaries.join(format!("{month}.md"))).unwrap();
    for line in ["| ann | 8.25 |", "| ben | 4.25 |", "| Harbour | 11.75 |", "| Tower | 0.75 |"] {
        assert!(written.contains(line) && mail.text.contains(line), "{line}: {written}");
    }

    place.run_is(&run(), "succeeded");
    assert_eq!((post.accepted().len(), place.get("/v1/notices")["items"].clone()), (1, json!([])));

    // A sheet is corrected afterwards: the office keeps its mail, and the person is told.
    sheet("ben", "date,project,hours\nMONTH-05,Harbour,5.25\n");
    place.run_is(&run(), "succeeded");
    assert_eq!(post.accepted().len(), 1);
    let notices = place.get("/v1/notices");
    assert!(notices["items"][0]["text"].as_str().unwrap().contains("have changed"), "{notices}");

    sheet("cleo", "date;project;hours\nMONTH-03;Harbour;8\nMONTH-04;Harbour;eight\n");
    let failed = place.run_is(&run(), "failed");
    let message = failed["failure"]["message"].as_str().unwrap();
    assert!(message.contains("cleo") && message.contains("line 3"), "{failed}");
    assert_eq!(post.accepted().len(), 1);
    assert!(server.end().success());
}
