//! The rows, as the database holds them. Nothing outside the store sees them.

macro_rules! table {
    ($module:ident, $name:literal, { $($(#[$attribute:meta])* $column:ident: $kind:ty,)* }) => {
        pub(super) mod $module {
            use sea_orm::entity::prelude::*;

            #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
            #[sea_orm(table_name = $name)]
            pub(in crate::store) struct Model {
                $($(#[$attribute])* pub(in crate::store) $column: $kind,)*
            }

            #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
            pub(in crate::store) enum Relation {}

            impl ActiveModelBehavior for ActiveModel {}

            impl crate::store::db::FromRow for Model {
                fn from_row(source: &crate::store::db::Source<'_>) -> Result<Self, crate::store::Error> {
                    let mut index = 0..;
                    let mut next = || index.next().expect("a row has fewer columns than there are numbers");
                    Ok(Self { $($column: crate::store::db::Field::read(source, next())?,)* })
                }
            }

            impl crate::store::db::Record for Model {
                fn kinds() -> &'static [crate::store::db::Kind] {
                    &[$(<$kind as crate::store::db::Field>::KIND),*]
                }

                fn cells(&self) -> Vec<crate::store::db::Cell<'_>> {
                    vec![$(crate::store::db::Field::cell(&self.$column)),*]
                }

                fn sql() -> &'static crate::store::db::Statements {
                    static SQL: std::sync::OnceLock<crate::store::db::Statements> = std::sync::OnceLock::new();
                    SQL.get_or_init(|| crate::store::db::Statements::of(Entity, Self::kinds()))
                }
            }
        }
    };
}

table!(automation, "automations", {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    name: String,
    title: String,
    mode: String,
    contract_id: String,
    script_id: String,
    created_at: i64,
    activated_at: i64,
    updated_at: i64,
    shadow: Option<String>,
});

table!(contract, "contracts", {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    automation_id: String,
    version: i64,
    body: String,
    digest: String,
    created_at: i64,
});

table!(script, "scripts", {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    automation_id: String,
    contract_id: String,
    major: i64,
    minor: i64,
    source: String,
    engine: Option<String>,
    digest: String,
    created_at: i64,
    adapters: Option<String>,
});

table!(trigger, "triggers", {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    automation_id: String,
    position: i64,
    kind: String,
    body: String,
    live: i64,
    next_at: Option<i64>,
    last_at: i64,
});

table!(seen_file, "seen_files", {
    #[sea_orm(primary_key, auto_increment = false)]
    trigger_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    path: String,
    size: i64,
    modified_ms: i64,
    digest: String,
});

// A run is one row, which most readers need only a part of: what it is about, or where it stands.

table!(whole_run, "runs", {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    automation_id: String,
    script_id: String,
    contract_id: String,
    phase: String,
    attempts: i64,
    generation: i64,
    segments: i64,
    journal_bytes: i64,
    class: Option<String>,
    code: Option<String>,
    calls: i64,
    effects: i64,
    suppressed: i64,
    created_at: i64,
    started_at: Option<i64>,
    ended_at: Option<i64>,
    item_id: Option<String>,
    trigger_id: Option<String>,
    shadow: Option<String>,
    dedupe_key: Option<String>,
    labels: Option<String>,
    useful_until: Option<i64>,
    wrapped_key: Option<Vec<u8>>,
    payload: Option<Vec<u8>>,
    tail: Option<Vec<u8>>,
});

table!(run, "runs", {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    automation_id: String,
    script_id: String,
    contract_id: String,
    phase: String,
    attempts: i64,
    generation: i64,
    segments: i64,
    journal_bytes: i64,
    class: Option<String>,
    code: Option<String>,
    calls: i64,
    effects: i64,
    suppressed: i64,
    created_at: i64,
    started_at: Option<i64>,
    ended_at: Option<i64>,
    item_id: Option<String>,
    trigger_id: Option<String>,
    shadow: Option<String>,
});

table!(ended_run, "runs", {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    phase: String,
    attempts: i64,
    segments: i64,
    journal_bytes: i64,
    class: Option<String>,
    code: Option<String>,
    calls: i64,
    effects: i64,
    suppressed: i64,
    started_at: Option<i64>,
    ended_at: Option<i64>,
    tail: Option<Vec<u8>>,
});

table!(item, "runs", {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    item_id: Option<String>,
    automation_id: String,
    phase: String,
    dedupe_key: Option<String>,
    labels: Option<String>,
    useful_until: Option<i64>,
    wrapped_key: Option<Vec<u8>>,
    payload: Option<Vec<u8>>,
    created_at: i64,
});

table!(segment, "journal", {
    #[sea_orm(primary_key, auto_increment = false)]
    run_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    generation: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    segment: i64,
    records: Vec<u8>,
    attempt: i64,
    calls: i64,
    effects: i64,
    suppressed: i64,
    at: i64,
});

table!(effect, "ledger", {
    #[sea_orm(primary_key, auto_increment = false)]
    identity: Vec<u8>,
    id: String,
    automation_id: String,
    tool: String,
    key_text: Option<Vec<u8>>,
    state: String,
    run_id: String,
    call: i64,
    item_id: String,
    arguments: String,
    outcome: Option<Vec<u8>>,
    settled_by: Option<String>,
    performances: i64,
    suppressions: i64,
    started_at: i64,
    settled_at: Option<i64>,
});

table!(rate_mark, "rate_marks", {
    #[sea_orm(primary_key, auto_increment = false)]
    subject: Vec<u8>,
    #[sea_orm(primary_key, auto_increment = false)]
    effect: String,
    at: i64,
    amount: Option<i64>,
});

table!(approval, "approvals", {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    status: String,
    automation_id: String,
    run_id: String,
    call: i64,
    tool: String,
    binding: Vec<u8>,
    place: Vec<u8>,
    grounds: String,
    need_id: String,
    body: Option<Vec<u8>>,
    envelope: i64,
    at_most: i64,
    used: i64,
    life_ms: i64,
    held_until: Option<i64>,
    expires_at: i64,
    answer: Option<String>,
    decided_by: Option<String>,
    decided_at: Option<i64>,
    note: Option<Vec<u8>>,
    created_at: i64,
});

table!(approval_use, "approval_uses", {
    #[sea_orm(primary_key, auto_increment = false)]
    approval_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    effect: String,
    at: i64,
});

table!(file_label, "file_labels", {
    #[sea_orm(primary_key, auto_increment = false)]
    folder: String,
    #[sea_orm(primary_key, auto_increment = false)]
    path: String,
    digest: String,
    labels: String,
    at: i64,
});

table!(wait, "waits", {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    run_id: String,
    kind: String,
    until_at: Option<i64>,
    event: Option<String>,
    need_id: Option<String>,
    effect_run_id: Option<String>,
    created_at: i64,
});

table!(signal, "signals", {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    name: String,
    payload: Vec<u8>,
    run_id: Option<String>,
    at: i64,
    labels: Option<String>,
});

table!(need, "needs", {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    kind: String,
    status: String,
    dedupe_key: String,
    automation_id: Option<String>,
    run_id: Option<String>,
    call: Option<i64>,
    effect: Option<Vec<u8>>,
    body: Vec<u8>,
    occurrences: i64,
    answer: Option<String>,
    answered_by: Option<String>,
    created_at: i64,
    answered_at: Option<i64>,
    priority: i64,
    expires_at: Option<i64>,
    snoozed_until: Option<i64>,
    told_mail: Option<String>,
    told_webhook: Option<String>,
});

table!(need_link, "need_links", {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    need_id: String,
    choice: String,
    digest: Vec<u8>,
    delivery_id: String,
    created_at: i64,
    expires_at: i64,
    used_at: Option<i64>,
});

table!(delivery, "deliveries", {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    kind: String,
    channel: String,
    state: String,
    attempts: i64,
    next_at: Option<i64>,
    about: String,
    through: Option<String>,
    code: Option<String>,
    reason: Option<String>,
    created_at: i64,
    ended_at: Option<i64>,
});

table!(notice, "notices", {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    automation_id: Option<String>,
    run_id: Option<String>,
    level: String,
    body: Vec<u8>,
    created_at: i64,
});

table!(state, "state", {
    #[sea_orm(primary_key, auto_increment = false)]
    automation_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    name: String,
    value: Option<Vec<u8>>,
    version: i64,
    updated_at: i64,
    labels: Option<String>,
});

table!(shadow_note, "shadow_notes", {
    #[sea_orm(primary_key, auto_increment = false)]
    identity: Vec<u8>,
    id: String,
    shadow: String,
    automation_id: String,
    run_id: String,
    item_id: String,
    tool: String,
    would: String,
    arguments: String,
    call: i64,
    body: Option<Vec<u8>>,
    suppressions: i64,
    at: i64,
});

table!(shadow_state, "shadow_state", {
    #[sea_orm(primary_key, auto_increment = false)]
    shadow: String,
    #[sea_orm(primary_key, auto_increment = false)]
    name: String,
    value: Option<Vec<u8>>,
    version: i64,
    updated_at: i64,
    labels: Option<String>,
});

table!(setting, "settings", {
    #[sea_orm(primary_key, auto_increment = false)]
    name: String,
    value: String,
    updated_at: i64,
});

table!(request, "answered_requests", {
    #[sea_orm(primary_key, auto_increment = false)]
    key: String,
    digest: String,
    status: i64,
    body: Vec<u8>,
    at: i64,
});

table!(engine_token, "engine_tokens", {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    engine: String,
    digest: Vec<u8>,
    created_by: String,
    created_at: i64,
    revoked_at: Option<i64>,
});

table!(artifact, "artifacts", {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    run_id: String,
    attempt: i64,
    address: String,
    size: i64,
    body: Vec<u8>,
    created_at: i64,
});

table!(provider, "providers", {
    #[sea_orm(primary_key, auto_increment = false)]
    name: String,
    id: String,
    body: String,
    created_at: i64,
    updated_at: i64,
});

table!(model_call, "model_calls", {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    request: String,
    provider: String,
    profile: String,
    model: String,
    purpose: String,
    room: Option<String>,
    automation_id: Option<String>,
    run_id: Option<String>,
    state: String,
    code: Option<String>,
    reserved: i64,
    cost: i64,
    tokens_in: Option<i64>,
    tokens_out: Option<i64>,
    recording: Option<i64>,
    started_at: i64,
    ended_at: Option<i64>,
    wrapped_key: Option<Vec<u8>>,
    answer: Option<Vec<u8>>,
});

table!(golden, "goldens", {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    automation_id: String,
    run_id: Option<String>,
    kind: String,
    digest: Vec<u8>,
    body: Vec<u8>,
    created_at: i64,
    last_checked_at: Option<i64>,
    last_verdict: Option<String>,
    last_words: Option<String>,
    last_pins: Option<String>,
});

table!(trial, "trials", {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    contract_digest: String,
    script_digest: String,
    cases_digest: String,
    verdict: String,
    sheet: String,
    created_at: i64,
});

table!(thread, "threads", {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    state: String,
    automation_id: Option<String>,
    step: i64,
    seq: i64,
    attempt: i64,
    allowance_step: i64,
    allowance_at: i64,
    wrapped_key: Vec<u8>,
    title: Option<Vec<u8>>,
    partial: Option<Vec<u8>>,
    created_by: String,
    created_at: i64,
    updated_at: i64,
});

table!(message, "messages", {
    #[sea_orm(primary_key, auto_increment = false)]
    thread_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    seq: i64,
    id: String,
    kind: String,
    card_id: Option<String>,
    cut_off: i64,
    recorded: i64,
    cost: i64,
    tokens_in: i64,
    tokens_out: i64,
    body: Vec<u8>,
    created_at: i64,
});

table!(step, "steps", {
    #[sea_orm(primary_key, auto_increment = false)]
    thread_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    step: i64,
    cost: i64,
    tokens_in: i64,
    tokens_out: i64,
    body: Vec<u8>,
    created_at: i64,
});

table!(card, "cards", {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    thread_id: String,
    automation_id: Option<String>,
    state: String,
    digest: String,
    body: Vec<u8>,
    created_at: i64,
    decided_at: Option<i64>,
    decided_by: Option<String>,
});

table!(repair, "repairs", {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    automation_id: String,
    state: String,
    cause: Vec<u8>,
    storm: Vec<u8>,
    run_id: String,
    script_id: String,
    new_script_id: Option<String>,
    need_id: Option<String>,
    step: i64,
    attempt: i64,
    allowance_step: i64,
    allowance_at: i64,
    watch_left: i64,
    cost: i64,
    wrapped_key: Vec<u8>,
    body: Vec<u8>,
    created_at: i64,
    updated_at: i64,
});

table!(repair_step, "repair_steps", {
    #[sea_orm(primary_key, auto_increment = false)]
    repair_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    step: i64,
    cost: i64,
    tokens_in: i64,
    tokens_out: i64,
    body: Vec<u8>,
    created_at: i64,
});

table!(repair_run, "repair_runs", {
    #[sea_orm(primary_key, auto_increment = false)]
    run_id: String,
    repair_id: String,
    resumed: Option<String>,
    created_at: i64,
});

table!(fingerprint, "fingerprints", {
    #[sea_orm(primary_key, auto_increment = false)]
    automation_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    site: String,
    body: Vec<u8>,
    updated_at: i64,
});

table!(incident, "incidents", {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    cause: Vec<u8>,
    open: i64,
    body: Vec<u8>,
    opened_at: i64,
    last_at: i64,
    closed_at: Option<i64>,
});

table!(incident_mark, "incident_marks", {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    cause: Vec<u8>,
    automation_id: String,
    run_id: String,
    recovered: i64,
    code: String,
    at: i64,
});

table!(event, "events", {
    #[sea_orm(primary_key, auto_increment = false)]
    position: i64,
    event_id: String,
    workspace: String,
    room: String,
    stream_seq: i64,
    #[sea_orm(column_name = "type")]
    kind: String,
    actor: String,
    correlation_id: Option<String>,
    causation_id: Option<String>,
    run: Option<String>,
    data: String,
    at: i64,
    prev_hash: Vec<u8>,
    hash: Vec<u8>,
});

table!(caution, "cautions", {
    #[sea_orm(primary_key, auto_increment = false)]
    automation_id: String,
    from_at: i64,
    until_at: i64,
});

table!(archive, "archives", {
    #[sea_orm(primary_key, auto_increment = false)]
    last_position: i64,
    first_position: i64,
    file: String,
    digest: String,
    chain: String,
    at: i64,
    signature: String,
});

table!(archived_head, "archived_heads", {
    #[sea_orm(primary_key, auto_increment = false)]
    room: String,
    stream_seq: i64,
    hash: Vec<u8>,
});

table!(active_server, "active_server", {
    #[sea_orm(primary_key, auto_increment = false)]
    id: i64,
    epoch: i64,
    commits: i64,
    holder: String,
    keys: String,
    released: i64,
});
