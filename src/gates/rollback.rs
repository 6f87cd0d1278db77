//! Rollback drill: a freeze window, the owner's word, the fallback store compared, the packet.

use super::admit::{Binding, acceptance, from_packet, newest};
use super::inputs::{Inputs, Role};
use super::release;
use super::spec::{Check, Gate};

/// The name on the command line.
pub const ID: &str = "rollback-drill";
/// The packet of a drill; nothing of this version seals one yet.
pub const PACKET: &str = "ProductionRollbackDrill.v1";

/// The gate. A drill counts once the release handoff that it drills is ready.
pub fn gate(inputs: &Inputs, release: &Gate) -> Gate {
    let drill = match newest(inputs, PACKET, Binding::Snapshot) {
        Err(why) if !inputs.packets.iter().any(|e| e.packet.schema == PACKET) => {
            Err(format!("{why}, and this version cannot run the drill yet"))
        }
        found => found,
    };
    let step = |id, title| {
        Check::given(id, title, &[release.condition(), from_packet(id, title, &drill).condition()])
    };
    let word = acceptance(inputs, "rollback-drill/owner-confirmation", Role::Director, &[]);
    let checks = [
        step("freeze-window", "Freeze window"),
        Check::given("owner-confirmation", "Owner confirmation", &[release.condition(), word]),
        step("storage-fallback", "Storage fallback"),
        step("audit-packet", "Audit packet"),
    ];
    let owner = inputs.owner(Role::Director);
    let checks = checks.map(|c| c.owned_by(owner.clone()));
    Gate::new(ID, "Rollback drill", checks.into()).with_packet(PACKET).deciding(release::PENDING)
}
