//! Rollback drill: a freeze window, the owner's word, the fallback store compared, the packet.

use super::admit::{Binding, from_packet, newest};
use super::decision::Decision;
use super::inputs::{Inputs, Role};
use super::release;
use super::spec::{Check, Gate};
use crate::evidence::schema;

/// The name on the command line.
pub const ID: &str = "rollback-drill";
/// The packet that belongs to it.
pub const PACKET: &str = schema::DRILL;

/// The owner's word. It comes before the drill, so it is given on the dry run that the release
/// handoff rests on and not on the drill's own packet.
pub static CONFIRMATION: Decision = Decision {
    path: "rollback-drill/owner-confirmation",
    title: "Owner confirmation",
    role: Role::Director,
    values: &[],
    rests_on: &[(schema::DRY_RUN, Binding::Snapshot)],
};

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
    let word = CONFIRMATION.condition(inputs);
    let command = word.outcome.is_err().then(|| CONFIRMATION.command(inputs)).flatten();
    let checks = [
        step("freeze-window", "Freeze window"),
        Check::given(CONFIRMATION.id(), CONFIRMATION.title, &[release.condition(), word])
            .supplied_by(command),
        step("storage-fallback", "Storage fallback"),
        step("audit-packet", "Audit packet"),
    ];
    let owner = inputs.owner(Role::Director);
    let checks = checks.map(|c| c.owned_by(owner.clone()));
    Gate::new(ID, "Rollback drill", checks.into()).with_packet(PACKET).deciding(release::PENDING)
}
