//! The tenants and actors of the demo.

use super::Size;
use super::words::COMPANIES;
use flowcontrol_contract::{Actor, ActorId, Result, Roster, TenantId};

struct Person {
    id: &'static str,
    name: &'static str,
    organisation: &'static str,
    role: &'static str,
    permissions: &'static [&'static str],
}

/// The five actors of the first tenant.
const PEOPLE: [Person; 5] = [
    Person {
        id: "user_md_anna",
        name: "Anna Kowalska",
        organisation: "BFG Control",
        role: "managing_director",
        permissions: &[
            "approve_release",
            "manage_adapters",
            "view_audit",
            "view_finance",
            "view_operations",
        ],
    },
    Person {
        id: "user_dispatcher_marek",
        name: "Marek Zielinski",
        organisation: "Dispatch desk",
        role: "dispatcher",
        permissions: &["assign_driver", "create_order", "plan_route", "view_operations"],
    },
    Person {
        id: "user_accountant_olena",
        name: "Olena Shevchenko",
        organisation: "Finance",
        role: "accountant",
        permissions: &["issue_invoice", "record_payment", "view_audit", "view_finance"],
    },
    Person {
        id: "driver_tarasenko",
        name: "Petro Tarasenko",
        organisation: "BFG Driver",
        role: "driver",
        permissions: &["report_event", "upload_document", "view_own_trips"],
    },
    Person {
        id: "cp_client_lviv_farma",
        name: "Lviv Farma Distribution",
        organisation: "Client Portal",
        role: "client",
        permissions: &["approve_document", "request_order", "view_own_orders"],
    },
];

/// The tenants of a demo and their actors: `bfg-control` with its five, then further tenants that
/// have the same roles under ids of their own.
///
/// # Errors
/// None in practice: every text here is valid for its type.
pub fn rosters(size: Size) -> Result<Vec<Roster>> {
    (0..size.tenants)
        .map(|index| {
            let company = COMPANIES[index as usize % COMPANIES.len()];
            let (tenant, name) = match index {
                0 => ("bfg-control".to_owned(), "BFG Control".to_owned()),
                i => (format!("carrier-{i:05}"), format!("{company} {i}")),
            };
            let actors = PEOPLE
                .iter()
                .map(|person| {
                    let id = match index {
                        0 => person.id.to_owned(),
                        i => format!("{}_{i:05}", person.role),
                    };
                    Ok(Actor {
                        id: ActorId::new(id)?,
                        display_name: person.name.to_owned(),
                        organisation: person.organisation.to_owned(),
                        role: person.role.to_owned(),
                        permissions: person.permissions.iter().map(|p| (*p).to_owned()).collect(),
                    })
                })
                .collect::<Result<_>>()?;
            Roster::new(TenantId::new(tenant)?, name, actors)
        })
        .collect()
}
