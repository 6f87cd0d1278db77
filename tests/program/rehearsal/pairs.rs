//! Two rehearsals at once in one folder.

use crate::support;
use flowcontrol_testkit::place::Place;

#[test]
fn two_rehearsals_at_once_share_one_chain() {
    if support::server_or_skip("two_rehearsals_at_once_share_one_chain").is_none() {
        return;
    }
    let place = Place::new();
    place.run(&["init"]).expect(0);
    place.seed(200, 2);
    let arguments = ["--format", "json", "rehearse", "--target", "local"];
    let both = [place.start(&arguments), place.start(&arguments)];
    let reports = both.map(|running| running.end().expect(0).json());
    assert_eq!(reports[0]["snapshot"]["sha256"], reports[1]["snapshot"]["sha256"]);
    place.evidence_verifies();
    let packets = place.packets();
    for report in &reports {
        assert_eq!(report["decision"], "GO");
        for packet in report["packets"].as_array().unwrap() {
            assert!(packets.iter().any(|p| p["schema"] == packet["schema"]), "{packet}");
            let path = place.work().join(packet["path"].as_str().unwrap());
            assert!(path.is_file(), "{packet}");
        }
    }
    let named: usize = reports.iter().map(|r| r["packets"].as_array().unwrap().len()).sum();
    assert_eq!(packets.len(), named, "one chain holds both runs' packets and nothing else");
    assert_eq!(place.left_over(), Vec::<String>::new());
}
