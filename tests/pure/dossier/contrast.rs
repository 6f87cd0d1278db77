//! Colours by WCAG 2.2: 4.5 to 1 for text, in the light and in the dark scheme.

use flowcontrol::report::dossier::html::STYLE;
use std::collections::BTreeMap;

/// The variables of one scheme.
fn scheme(block: &str) -> BTreeMap<&str, [f64; 3]> {
    let colours = block.split(';').filter_map(|line| {
        let (name, value) = line.trim().strip_prefix("--")?.split_once(": #")?;
        let part = |at: usize| {
            let c = f64::from(u8::from_str_radix(&value[at..at + 2], 16).unwrap()) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        Some((name, [part(0), part(2), part(4)]))
    });
    colours.collect()
}

fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
    let luminance = |[r, g, b]: [f64; 3]| 0.2126 * r + 0.7152 * g + 0.0722 * b;
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn text_stands_out_in_both_schemes() {
    let black_on_white = contrast([0.0; 3], [1.0; 3]);
    assert!((black_on_white - 21.0).abs() < 1e-9);
    let blocks: Vec<_> =
        STYLE.split(":root {").skip(1).map(|b| b.split('}').next().unwrap()).collect();
    assert_eq!(blocks.len(), 2, "a light scheme and a dark one");
    for block in blocks {
        let colours = scheme(block);
        assert_eq!(colours.len(), 12, "{block}");
        for (text, on) in [
            ("ink", "paper"),
            ("ink", "shade"),
            ("ink", "next-shade"),
            ("quiet", "paper"),
            ("quiet", "shade"),
            ("link", "paper"),
            ("link", "shade"),
            ("ready", "ready-shade"),
            ("next", "next-shade"),
            ("blocked", "blocked-shade"),
        ] {
            let found = contrast(colours[text], colours[on]);
            assert!(found >= 4.5, "{text} on {on} is {found:.2} to 1: {block}");
        }
    }
}
