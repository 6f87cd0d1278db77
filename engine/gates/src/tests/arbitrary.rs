//! Arbitrary inputs: gates give a result for all of them, without a panic, and never
//! a better one than the evidence allows.

use super::proofs::consistent;
use super::*;
use flowcontrol_evidence::{RecordedAcceptance, schema as schemas};

proptest! {
    #[test]
    fn judging_anything_is_an_answer(inputs in arbitrary_inputs()) {
        let judgement = judge(&inputs);
        consistent(&judgement);
        let known = inputs.packets.iter().map(|e| e.sha256);
        let known = known.chain(inputs.acceptances.iter().map(|a| a.sha256));
        let known: Vec<Digest> = known.chain(inputs.scenario.snapshot).collect();
        for check in judgement.gates.iter().flat_map(|g| &g.checks) {
            assert!(check.evidence.iter().all(|d| known.contains(d)), "{}", check.id);
        }
        for evidence in &inputs.packets {
            // Whether it could be sealed, and whether it is an acceptance, must not panic either.
            let broken = schemas::judge(&evidence.packet);
            let word = RecordedAcceptance::read(&evidence.packet);
            assert!(word.is_ok() || !broken.is_empty());
        }
    }
}
