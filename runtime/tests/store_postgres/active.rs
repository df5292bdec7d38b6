//! One server is active, whatever happens to it and to the way to the database.

use std::time::Duration;

use runtime::env::Env;
use runtime::store::{Delivered, Error, Keys, Standing, Store};
use tokio::sync::mpsc;

use super::place::Place;
use super::proxy::Proxy;
use super::world::{World, code, delivery, import, keys};

/// Short, so that the tests are; long enough for a busy machine.
const LEASE: Duration = Duration::from_secs(2);

async fn open(place: &Place) -> Result<Store, Error> {
    Store::open_postgres(&place.home(), &place.postgres(LEASE), Env::real(), keys(), &|_| true).await
}

/// Opens a store that waits for its turn; hears how it stands.
fn wait_for_turn(place: &Place) -> (tokio::task::JoinHandle<Result<Store, Error>>, mpsc::UnboundedReceiver<Standing>) {
    let (tell, told) = mpsc::unbounded_channel();
    let (home, postgres) = (place.home(), place.postgres(LEASE));
    let opened = tokio::spawn(async move {
        let tell = move |standing| tell.send(standing).is_ok();
        Store::open_postgres(&home, &postgres, Env::real(), keys(), &tell).await
    });
    (opened, told)
}

#[tokio::test]
async fn the_second_server_stands_by_until_the_first_ends() {
    let place = Place::new().await;
    let first = open(&place).await.unwrap();
    first.import(import("reminders", Vec::new())).await.unwrap();
    let beside = place.beside(None);
    let (second, mut told) = wait_for_turn(&beside);
    // For longer than a lease: the first lives, though it has nothing to write.
    for _ in 0..12 {
        assert_eq!(told.recv().await.unwrap(), Standing::StandingBy);
    }
    first.close().await;
    let second = second.await.unwrap().unwrap();
    assert_eq!(second.automations().await.unwrap()[0].name, "reminders");
    assert_eq!(second.alarm(), None, "a folder that joins has no anchor yet");
    assert_eq!(second.audit(|_| {}).await.unwrap().findings, []);
}

#[tokio::test]
async fn a_command_does_not_wait_for_another_server() {
    let place = Place::new().await;
    let _first = open(&place).await.unwrap();
    let beside = place.beside(None);
    let refused = Store::open_postgres(&beside.home(), &beside.postgres(LEASE), Env::real(), keys(), &|_| false).await;
    assert_eq!(code(refused), "STORE_STANDBY");
}

#[tokio::test]
async fn a_server_that_was_overtaken_commits_nothing_and_knows_it() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    world.place().attack("UPDATE active_server SET epoch = epoch + 1").await.unwrap();
    assert_eq!(code(world.store.deliver(delivery(automation.id, "a")).await), "STORE_FENCED");
    assert_eq!(world.store.lost().await.code(), "STORE_FENCED");
    assert_eq!(world.number("SELECT count(*) FROM runs").await, 0);
    // Whoever asks again hears that it is over.
    let refused = code(world.store.deliver(delivery(automation.id, "a")).await);
    assert!(["STORE_FENCED", "STORE_CLOSED"].contains(&refused), "{refused}");
}

#[tokio::test]
async fn a_server_that_is_cut_off_is_overtaken_and_does_nothing_any_more() {
    let place = Place::new().await;
    let proxy = Proxy::to(place.address()).await;
    let behind = place.beside(Some(proxy.port));
    let cut_off = open(&behind).await.unwrap();
    let automation = cut_off.import(import("reminders", Vec::new())).await.unwrap();
    let beside = place.beside(None);
    let (second, _told) = wait_for_turn(&beside);

    proxy.set_open(false);
    let late = tokio::spawn({
        let cut_off = cut_off.clone();
        async move { cut_off.deliver(delivery(automation.id, "late")).await }
    });
    // What is under way when the lease runs out is cut off; what has not begun does not begin.
    let cut = cut_off.while_active(std::future::pending::<()>()).await.unwrap_err();
    assert!(cut.begun);
    assert!(!cut_off.while_active(std::future::ready(())).await.unwrap_err().begun);
    let second = second.await.unwrap().unwrap();
    second.while_active(std::future::ready(())).await.unwrap();

    // It finds its way again, and learns that it is too late.
    proxy.set_open(true);
    assert_eq!(code(late.await.unwrap()), "STORE_FENCED");
    assert_eq!(cut_off.lost().await.code(), "STORE_FENCED");
    assert!(matches!(second.deliver(delivery(automation.id, "late")).await.unwrap(), Delivered::New { .. }));
    assert_eq!(second.audit(|_| {}).await.unwrap().findings, []);
}

#[tokio::test]
async fn a_connection_that_is_lost_is_made_again_and_nothing_is_lost_or_doubled() {
    let place = Place::new().await;
    let proxy = Proxy::to(place.address()).await;
    let behind = place.beside(Some(proxy.port));
    let store = open(&behind).await.unwrap();
    let automation = store.import(import("reminders", Vec::new())).await.unwrap();
    for number in 0..20 {
        match number % 4 {
            0 => proxy.cut(),
            1 => proxy.lose_answers(1),
            2 => place
                .attack("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
                .await
                .unwrap(),
            _ => {}
        }
        // A lost answer is no lost change, and no second one.
        let delivered = store.deliver(delivery(automation.id, &number.to_string())).await.unwrap();
        assert!(matches!(delivered, Delivered::New { .. }), "{number}: {delivered:?}");
    }
    assert_eq!(place.number("SELECT count(*) FROM runs").await, 20);
    assert_eq!(store.audit(|_| {}).await.unwrap().findings, []);
}

#[tokio::test]
async fn a_folder_that_was_restarted_need_not_wait_for_itself() {
    let place = Place::new().await;
    let store = open(&place).await.unwrap();
    store.import(import("reminders", Vec::new())).await.unwrap();
    store.close().await;
    // As after a crash: the row says that somebody is active.
    place.attack("UPDATE active_server SET released = 0").await.unwrap();
    let again = Store::open_postgres(&place.home(), &place.postgres(LEASE), Env::real(), keys(), &|_| false).await;
    let again = again.unwrap();
    assert_eq!(again.automations().await.unwrap().len(), 1);
    again.close().await;
    // A copy of the folder is another server.
    place.attack("UPDATE active_server SET released = 0").await.unwrap();
    let beside = place.beside(None);
    let copy = Store::open_postgres(&beside.home(), &beside.postgres(LEASE), Env::real(), keys(), &|_| false).await;
    assert_eq!(code(copy), "STORE_STANDBY");
}

#[tokio::test]
async fn two_servers_may_have_the_same_folder() {
    let place = Place::new().await;
    let first = open(&place).await.unwrap();
    first.import(import("reminders", Vec::new())).await.unwrap();
    let (second, mut told) = wait_for_turn(&place);
    assert_eq!(told.recv().await.unwrap(), Standing::StandingBy);
    first.close().await;
    let second = second.await.unwrap().unwrap();
    assert_eq!((second.automations().await.unwrap().len(), second.alarm()), (1, None));
}

#[tokio::test]
async fn a_server_with_other_keys_is_refused_and_changes_nothing() {
    let place = Place::new().await;
    open(&place).await.unwrap().close().await;
    let other = Keys { payload: [9; 32], ..keys() };
    let refused =
        Store::open_postgres(&place.beside(None).home(), &place.postgres(LEASE), Env::real(), other, &|_| true).await;
    assert_eq!(code(refused), "STORE_OTHER_KEYS");
    assert_eq!(place.number("SELECT epoch FROM active_server").await, 1);
}

#[tokio::test]
async fn a_folder_and_a_database_are_not_confused() {
    let place = Place::new().await;
    // The store that is in the folder is not passed over…
    Store::open(&place.home(), Env::real(), keys()).await.unwrap().close().await;
    assert_eq!(code(open(&place).await), "STORE_LEFT_BEHIND");
    // … nor is the one in the database, by a start that forgot to name it.
    let place = place.beside(None);
    open(&place).await.unwrap().close().await;
    let forgot = Store::open(&place.home(), Env::real(), keys()).await.unwrap_err();
    assert_eq!(forgot.code(), "STORE_MOVED");
    assert!(forgot.to_string().contains("the PostgreSQL database `postgres` at 127.0.0.1"), "{forgot}");
}

#[tokio::test]
async fn two_servers_that_start_at_once_on_an_empty_database_are_one_and_one() {
    let place = Place::new().await;
    let beside = place.beside(None);
    let ((one, _one_told), (other, _other_told)) = (wait_for_turn(&place), wait_for_turn(&beside));
    let (first, rest) = futures_util::future::select(one, other).await.factor_first();
    let first = first.unwrap().unwrap();
    first.import(import("reminders", Vec::new())).await.unwrap();
    first.close().await;
    assert_eq!(rest.await.unwrap().unwrap().automations().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_wrong_address_or_password_is_not_repeated() {
    let place = Place::new().await;
    let mut postgres = place.postgres(LEASE);
    postgres.url = "postgres://u:geheim@127.0.0.1:1/x".to_owned();
    let refused = Store::open_postgres(&place.home(), &postgres, Env::real(), keys(), &|_| false).await.unwrap_err();
    assert_eq!(refused.code(), "STORE_UNREACHABLE");
    assert!(!format!("{refused} {refused:?} {postgres:?}").contains("geheim"), "{refused}");
}

#[tokio::test]
async fn texts_are_ordered_by_their_bytes_whatever_the_database_was_made_for() {
    let world = World::new().await;
    let other = "SELECT count(*) FROM information_schema.columns WHERE table_schema = current_schema() \
                 AND table_name NOT LIKE 'seaql%' AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'";
    assert_eq!(world.number(other).await, 0);
}
