//! Schemas of requests and responses that are not derived from a handler's own types.

use super::problem::ProblemKind;
use flowcontrol_contract::Kind;
use flowcontrol_contract::projection::{self, ColumnType};
use flowcontrol_gates::decision;
use flowcontrol_servers::TargetChoice;
use std::borrow::Cow;
use std::collections::BTreeMap;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, KnownFormat, ObjectBuilder, OneOfBuilder, Schema,
    SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

/// A problem document.
pub struct ProblemSchema;

impl PartialSchema for ProblemSchema {
    fn schema() -> RefOr<Schema> {
        let types = ProblemKind::ALL.map(|kind| format!("urn:flowcontrol:problem:{}", kind.slug()));
        ObjectBuilder::new()
            .property(
                "type",
                ObjectBuilder::new().schema_type(Type::String).enum_values(Some(types)),
            )
            .property("title", text())
            .property("status", ObjectBuilder::new().schema_type(Type::Integer))
            .property("detail", text())
            .property("instance", text())
            .property("request_id", text())
            .property("pointer", text())
            .required("type")
            .required("title")
            .required("status")
            .required("instance")
            .required("request_id")
            .into()
    }
}

impl ToSchema for ProblemSchema {
    fn name() -> Cow<'static, str> {
        "Problem".into()
    }
}

pub fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn time() -> ObjectBuilder {
    text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
}

fn id() -> ObjectBuilder {
    text().min_length(Some(1)).max_length(Some(200))
}

/// The kinds of record.
pub fn kinds() -> ObjectBuilder {
    text().enum_values(Some(Kind::ALL.map(Kind::name)))
}

/// The checks that an owner can accept.
pub fn decisions() -> ObjectBuilder {
    text().enum_values(Some(decision::all().map(|decision| decision.path)))
}

/// The targets of a rehearsal.
pub fn targets() -> ObjectBuilder {
    text().enum_values(Some(TargetChoice::ALL.map(TargetChoice::as_str)))
}

/// A stored record.
pub struct RecordSchema;

impl PartialSchema for RecordSchema {
    fn schema() -> RefOr<Schema> {
        let mut record = ObjectBuilder::new()
            .property("tenant", id())
            .property("seq", ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)))
            .property("id", id())
            .property("kind", kinds())
            .property("actor", id())
            .property("occurred_at", time())
            .property("payload", ObjectBuilder::new().schema_type(Type::Object));
        for name in ["tenant", "seq", "id", "kind", "actor", "occurred_at", "payload"] {
            record = record.required(name);
        }
        record.into()
    }
}

impl ToSchema for RecordSchema {
    fn name() -> Cow<'static, str> {
        "Record".into()
    }
}

/// A record to append: one form for each kind, derived from the projections.
pub struct NewRecordSchema;

impl PartialSchema for NewRecordSchema {
    fn schema() -> RefOr<Schema> {
        let forms = Kind::ALL.into_iter().fold(OneOfBuilder::new(), |forms, kind| {
            let form = ObjectBuilder::new()
                .property("id", id())
                .property("kind", text().enum_values(Some([kind.name()])))
                .property("occurred_at", time())
                .property("payload", payload(kind))
                .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)));
            let needed = ["id", "kind", "occurred_at", "payload"];
            forms.item(needed.into_iter().fold(form, ObjectBuilder::required))
        });
        forms.into()
    }
}

impl ToSchema for NewRecordSchema {
    fn name() -> Cow<'static, str> {
        "NewRecord".into()
    }
}

/// Records to append.
pub struct BatchSchema;

impl PartialSchema for BatchSchema {
    fn schema() -> RefOr<Schema> {
        let records = ArrayBuilder::new()
            .items(Ref::from_schema_name("NewRecord"))
            .min_items(Some(1))
            .max_items(Some(1000))
            .description(Some("In the order in which they happened; all or none are written"));
        ObjectBuilder::new()
            .property("records", records)
            .required("records")
            .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)))
            .into()
    }
}

impl ToSchema for BatchSchema {
    fn name() -> Cow<'static, str> {
        "Batch".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((NewRecordSchema::name().into(), NewRecordSchema::schema()));
    }
}

/// The payload of a kind: the fields that its projection needs, and any others.
fn payload(kind: Kind) -> ObjectBuilder {
    let mut members = ObjectBuilder::new().schema_type(Type::Object);
    let Some(projection) = projection::for_kind(kind) else { return members };
    let mut nested: BTreeMap<&str, ObjectBuilder> = BTreeMap::new();
    for column in projection.columns {
        let leaf = match column.ty {
            ColumnType::Text => text(),
            ColumnType::Decimal => text().pattern(Some("^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,6})?$")),
            ColumnType::Currency => text().pattern(Some("^[A-Z]{3}$")),
        };
        match column.path {
            [name] if column.optional => members = members.property(*name, leaf),
            [name] => members = members.property(*name, leaf).required(*name),
            [outer, name] => {
                let inner = nested.remove(outer).unwrap_or_default();
                nested.insert(outer, inner.property(*name, leaf).required(*name));
            }
            _ => {}
        }
    }
    nested
        .into_iter()
        .fold(members, |members, (name, inner)| members.property(name, inner).required(name))
}

macro_rules! written_elsewhere {
    ($(#[$doc:meta])* $name:ident, $shown:literal, [$($member:literal: $ty:ident),+ $(,)?]) => {
        $(#[$doc])*
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    $(.property($member, $ty()).required($member))+
                    .into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                $shown.into()
            }
        }
    };
}

fn list() -> ArrayBuilder {
    ArrayBuilder::new().items(ObjectBuilder::new().schema_type(Type::Object))
}

fn names() -> ArrayBuilder {
    ArrayBuilder::new().items(text())
}

fn object() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Object)
}

fn whole_number() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer)
}

fn text_or_null() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Null]))
}

fn anything() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::AnyValue)
}

written_elsewhere!(
    /// The gates' results, as `flowcontrol gates --format json` prints them.
    Judgement, "Judgement",
    ["profile": text, "as_of": time, "snapshot": text_or_null, "gates": list, "readiness": object,
        "production": object]
);
written_elsewhere!(
    /// The packets, as `flowcontrol evidence list --format json` prints them.
    Listing, "EvidenceList", ["packets": list, "partial": names, "strays": names]
);
written_elsewhere!(
    /// A packet as it was sealed.
    PacketSchema, "Packet",
    ["schema": text, "sequence": whole_number, "previous": text_or_null, "created_at": time,
        "tool_version": text, "ran": text, "profile": object, "snapshot_sha256": text_or_null,
        "target": anything, "checks": list, "outcome": text, "body": object]
);
