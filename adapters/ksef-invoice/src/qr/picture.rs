//! A link as a picture.

use super::Link;
use qrcode::{Color, EcLevel, QrCode};
use std::fmt::Write;

/// White modules around a code, as ISO/IEC 18004 asks.
const QUIET: usize = 4;
/// Pixels of a module in a PNG: 8 print sharply at 300 dots an inch.
const SCALE: usize = 8;

/// A QR code, dark or light module by module.
#[derive(Clone, Debug)]
pub struct Picture {
    width: usize,
    dark: Vec<bool>,
}

impl Picture {
    /// The code of a link, with the correction level M; none when the link is longer than a code
    /// holds, which links of [`code_one`](super::code_one) and [`code_two`](super::code_two) are
    /// not.
    pub fn of(link: &Link) -> Option<Self> {
        let code = QrCode::with_error_correction_level(link.as_str(), EcLevel::M).ok()?;
        let dark = code.to_colors().into_iter().map(|color| color == Color::Dark).collect();
        Some(Self { width: code.width(), dark })
    }

    /// Modules along one side with the quiet zone.
    fn side(&self) -> usize {
        self.width + 2 * QUIET
    }

    fn is_dark(&self, x: usize, y: usize) -> bool {
        let inside = |n: usize| (QUIET..QUIET + self.width).contains(&n);
        inside(x) && inside(y) && self.dark[(y - QUIET) * self.width + x - QUIET]
    }

    /// As SVG: one path, sharp at any size.
    pub fn svg(&self) -> String {
        let side = self.side();
        let mut path = String::new();
        for y in 0..side {
            let mut x = 0;
            while x < side {
                let run = (x..side).take_while(|at| self.is_dark(*at, y)).count();
                if run > 0 {
                    // Writing into a string cannot fail.
                    let _ = write!(path, "M{x} {y}h{run}v1h-{run}z");
                }
                x += run.max(1);
            }
        }
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" \
             shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/>\
             <path d=\"{path}\"/></svg>"
        )
    }

    /// Pixels along one side of the PNG.
    pub fn pixels(&self) -> usize {
        self.side() * SCALE
    }

    /// As PNG: one bit a pixel.
    pub fn png(&self) -> Option<Vec<u8>> {
        let pixels = self.pixels();
        let row_bytes = pixels.div_ceil(8);
        let mut rows = Vec::with_capacity(row_bytes * pixels);
        for y in 0..pixels {
            let mut row = vec![0_u8; row_bytes];
            for x in 0..pixels {
                if !self.is_dark(x / SCALE, y / SCALE) {
                    row[x / 8] |= 0x80 >> (x % 8);
                }
            }
            rows.extend_from_slice(&row);
        }
        let size = u32::try_from(pixels).ok()?;
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, size, size);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::One);
        let mut writer = encoder.write_header().ok()?;
        writer.write_image_data(&rows).ok()?;
        writer.finish().ok()?;
        Some(file)
    }
}
