//! From clauses back to the format: one contract, one spelling.

use std::collections::BTreeMap;

use serde_json::Value;

use super::condition::{Against, Comparison};
use super::edge::{
    ApprovalV1, BindV1, BudgetsV1, CapabilityV1, ConditionV1, EnvelopeV1, EventTriggerV1, ExpectV1, FileTriggerV1,
    FileV1, FlowLimitV1, FlowV1, IdentityV1, LimitV1, ManualTriggerV1, OnceV1, QuietHoursV1, QuietLimitV1, RateLimitV1,
    RateV1, RunsV1, ScheduleV1, SumLimitV1, SumV1, TriggerV1, WebhookTriggerV1, WebhookV1,
};
use super::{
    Approval, Bind, Budgets, Capability, Condition, Contract, ContractV1, DeclaredIdentity, Limit, Once, Place, Prefix,
    Source, Trigger,
};
use crate::canonical::{self, Digest};
use crate::expect::Expect;

impl Contract {
    /// The contract as it is stored and exported. Parsing it gives the same contract.
    pub fn to_edge(&self) -> ContractV1 {
        ContractV1 {
            title: self.title.clone(),
            goal: self.goal.clone(),
            triggers: self.triggers.iter().map(trigger).collect(),
            capabilities: self.capabilities.iter().map(capability).collect(),
            once: self.once.iter().map(once).collect(),
            limits: self.limits.iter().map(limit).collect(),
            approvals: self.approvals.iter().map(approval).collect(),
            expect: self.expect.iter().map(expect).collect(),
            budgets: budgets(&self.budgets),
        }
    }

    /// The contract as JSON.
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self.to_edge()).expect("a contract has text keys and finite numbers only")
    }

    /// The digest of the contract's canonical bytes: the same for every spelling of the same contract.
    pub fn digest(&self) -> Digest {
        canonical::digest(&self.to_value())
    }
}

fn trigger(trigger: &Trigger) -> TriggerV1 {
    let useful_for = trigger.useful_for;
    let overlap = stated(trigger.overlap);
    match &trigger.source {
        Source::Schedule { cron, zone, catch_up } => TriggerV1::Schedule(ScheduleV1 {
            schedule: cron.to_string(),
            tz: zone.to_string(),
            catch_up: stated(*catch_up),
            useful_for,
            overlap,
        }),
        Source::File { folder, matching, dedupe } => TriggerV1::File(FileTriggerV1 {
            file: FileV1 {
                folder: folder.to_string(),
                matching: matching.as_str().to_owned(),
                dedupe: stated(*dedupe),
            },
            useful_for,
            overlap,
        }),
        Source::Webhook { name, secret, signature, dedupe_header } => TriggerV1::Webhook(WebhookTriggerV1 {
            webhook: WebhookV1 {
                name: name.to_string(),
                secret: secret.to_string(),
                signature: (*signature).into(),
                dedupe_header: dedupe_header.as_ref().map(ToString::to_string),
            },
            useful_for,
            overlap,
        }),
        Source::Event { name } => TriggerV1::Event(EventTriggerV1 { event: name.to_string(), useful_for, overlap }),
        Source::Manual => TriggerV1::Manual(ManualTriggerV1 { manual: true, useful_for, overlap }),
    }
}

/// What is the default is not written, so that one contract has one spelling.
fn stated<T: Default + PartialEq, E: From<T>>(word: T) -> Option<E> {
    (word != T::default()).then(|| word.into())
}

fn capability(capability: &Capability) -> CapabilityV1 {
    CapabilityV1 {
        tool: capability.tool.clone(),
        connection: capability.connection.as_ref().map(ToString::to_string),
        bind: capability.bind.iter().map(|(name, one)| (name.to_string(), bind(one))).collect(),
        conditions: conditions(&capability.conditions),
        fresh_for: capability.fresh_for,
        identity: capability.identity.as_ref().map(identity),
    }
}

fn bind(bind: &Bind) -> BindV1 {
    let condition = |(place, one): (&Place, &Condition)| Some((place.argument()?.clone(), condition(one)));
    BindV1 {
        row_of: bind.row_of.clone(),
        at: bind.at.clone(),
        conditions: bind.conditions.iter().filter_map(condition).collect(),
    }
}

pub(super) fn conditions(conditions: &BTreeMap<Place, Condition>) -> BTreeMap<Place, ConditionV1> {
    conditions.iter().map(|(at, one)| (at.clone(), condition(one))).collect()
}

fn condition(condition: &Condition) -> ConditionV1 {
    let number =
        |number: f64| Value::from(serde_json::Number::from_f64(number).expect("only finite bounds are parsed"));
    match &condition.comparison {
        Comparison::Equals(value) => ConditionV1::Equals(value.clone()),
        Comparison::OneOf(values) => ConditionV1::OneOf(values.clone()),
        Comparison::Prefix(Prefix::Text(text)) => ConditionV1::Prefix(text.clone()),
        Comparison::Prefix(Prefix::Address(prefix)) => ConditionV1::Prefix(prefix.as_str().to_owned()),
        Comparison::Contains(text) | Comparison::Names(text) => ConditionV1::Contains(text.clone()),
        Comparison::Matches(pattern) => ConditionV1::Matches(pattern.as_str().to_owned()),
        Comparison::GreaterThan(bound) => ConditionV1::GreaterThan(number(*bound)),
        Comparison::LessThan(bound) => ConditionV1::LessThan(number(*bound)),
        Comparison::AtMostLength(max) => ConditionV1::AtMostLength(*max),
        Comparison::AsRow(against, place) => match against {
            Against::Same => ConditionV1::SameAs(place.to_string()),
            Against::Prefix => ConditionV1::Prefix(place.to_string()),
            Against::Contains => ConditionV1::Contains(place.to_string()),
            Against::Greater => ConditionV1::GreaterThan(place.to_string().into()),
            Against::Less => ConditionV1::LessThan(place.to_string().into()),
        },
    }
}

fn identity(identity: &DeclaredIdentity) -> IdentityV1 {
    match identity {
        DeclaredIdentity::Keyed { header, window } => IdentityV1::Keyed { header: header.to_string(), window: *window },
        DeclaredIdentity::Queryable { url, absent_after, window } => {
            IdentityV1::Queryable { url: url.clone(), absent_after: *absent_after, window: *window }
        }
    }
}

fn once(once: &Once) -> OnceV1 {
    OnceV1 { tool: once.tool.clone(), per: once.per.iter().map(ToString::to_string).collect() }
}

impl Limit {
    /// The clause as it is written.
    pub(super) fn to_edge(&self) -> LimitV1 {
        limit(self)
    }
}

impl Approval {
    /// The clause as it is written.
    pub(super) fn to_edge(&self) -> ApprovalV1 {
        approval(self)
    }
}

fn limit(limit: &Limit) -> LimitV1 {
    match limit {
        Limit::Rate { rate, beyond } => LimitV1::Rate(RateLimitV1 {
            rate: RateV1 { tool: rate.tool.clone(), per: rate.per.clone(), max: rate.max, window: rate.window },
            beyond: (*beyond).into(),
        }),
        Limit::Sum { sum, beyond } => LimitV1::Sum(SumLimitV1 {
            sum: SumV1 {
                tool: sum.tool.clone(),
                of: sum.of.clone(),
                per: sum.per.clone(),
                max: sum.max.to_number(),
                window: sum.window,
            },
            beyond: (*beyond).into(),
        }),
        Limit::Quiet { tool, hours, beyond } => LimitV1::Quiet(QuietLimitV1 {
            quiet_hours: QuietHoursV1 {
                tool: tool.clone(),
                from: hours.from.to_string(),
                to: hours.to.to_string(),
                tz: Some(hours.zone.to_string()),
            },
            beyond: (*beyond).into(),
        }),
        Limit::Flow(flow) => LimitV1::Flow(FlowLimitV1 {
            flow: FlowV1 { from: flow.from.to_string(), to: flow.to.iter().map(ToString::to_string).collect() },
        }),
    }
}

fn approval(approval: &Approval) -> ApprovalV1 {
    let envelope = approval.envelope.as_ref().map(|envelope| EnvelopeV1 {
        at_most: envelope.at_most,
        conditions: conditions(&envelope.conditions),
        valid_for: envelope.valid_for,
    });
    ApprovalV1 { tool: approval.tool.clone(), when: conditions(&approval.when), first: approval.first, envelope }
}

fn budgets(budgets: &Budgets) -> BudgetsV1 {
    BudgetsV1 {
        model_cost_per_month: budgets.model_cost_per_month.map(|cost| format!("{cost} USD")),
        repairs_per_week: budgets.repairs_per_week,
    }
}

fn expect(expect: &Expect) -> ExpectV1 {
    ExpectV1 { runs: RunsV1 { per: expect.per, at_least: expect.at_least } }
}
