//! A packet file: as it is, and as somebody who knows the format would have sealed it.
#![no_main]

use flowcontrol_evidence::{Flaw, KnownSecrets, Sealed, schema, text};
use flowcontrol_fuzz::sealed;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = read(data);
    if let Some(bytes) = sealed(data) {
        match read(&bytes) {
            Ok(()) | Err(Flaw::Edited(_) | Flaw::Schema { .. }) => {}
            Err(flaw) => panic!("{flaw}"),
        }
    }
});

fn read(bytes: &[u8]) -> Result<(), Flaw> {
    let packet = Sealed::parse(bytes)?;
    assert_eq!(format!("{}\n", packet.text()).as_bytes(), bytes);
    let kept = schema::judge(packet.packet()).is_empty();
    text::text(packet.packet());
    // What may be sealed at all is sealed to the same bytes.
    if let Ok(again) = Sealed::seal(packet.packet().clone(), &KnownSecrets::new()) {
        assert!(kept);
        assert_eq!(again, packet);
    }
    Ok(())
}
