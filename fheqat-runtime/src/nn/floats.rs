//! Floats of files, of any width, as `f32`.

use safetensors::Dtype;

/// The numbers of a tensor, little-endian; the element type where it is none of floats of 16 to 64 bits. Numbers of 64 bits
/// become the nearest of 32, or infinite; the others stay as they are.
pub(super) fn read(dtype: Dtype, bytes: &[u8]) -> Result<Vec<f32>, Dtype> {
    Ok(match dtype {
        Dtype::F32 => bytes.as_chunks().0.iter().map(|&word| f32::from_le_bytes(word)).collect(),
        Dtype::F64 => bytes.as_chunks().0.iter().map(|&word| f64::from_le_bytes(word) as f32).collect(),
        Dtype::F16 => bytes.as_chunks().0.iter().map(|&word| half(u16::from_le_bytes(word))).collect(),
        Dtype::BF16 => {
            let wide = |word| f32::from_bits(u32::from(u16::from_le_bytes(word)) << 16);
            bytes.as_chunks().0.iter().map(|&word| wide(word)).collect()
        }
        other => return Err(other),
    })
}

/// A float of one bit of sign, five of exponent and ten of fraction.
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = ((bits >> 10) & 31, f32::from(bits & 1023));
    let power = |exponent: i32| 2.0f32.powi(exponent);
    sign * match exponent {
        0 => fraction * power(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1024.0 + fraction) * power(i32::from(exponent) - 25),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_exact() {
        for (bits, value) in [
            (0x0000, 0.0),
            (0x0001, 5.960_464_5e-8),
            (0x03ff, 6.097_555e-5),
            (0x0400, 6.103_515_6e-5),
            (0x3555, 0.333_251_95),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0xfc00, f32::NEG_INFINITY),
        ] {
            assert_eq!(half(bits).to_bits(), f32::to_bits(value), "{bits:x}");
        }
        assert!(half(0x7c01).is_nan() && half(0x8000).is_sign_negative());
    }

    #[test]
    fn floats_of_every_width_are_read() {
        let third = 0.333_333_333_333_f64.to_le_bytes();
        assert_eq!(read(Dtype::F64, &third), Ok(vec![0.333_333_33]));
        assert_eq!(read(Dtype::F64, &1e300f64.to_le_bytes()), Ok(vec![f32::INFINITY]));
        assert_eq!(read(Dtype::BF16, &[0x80, 0x3f, 0x20, 0xc0]), Ok(vec![1.0, -2.5]));
        assert_eq!(read(Dtype::F16, &[0x00, 0x3c]), Ok(vec![1.0]));
        assert_eq!(read(Dtype::F32, &0.1f32.to_le_bytes()), Ok(vec![0.1]));
        assert_eq!(read(Dtype::I64, &[0; 8]), Err(Dtype::I64));
    }
}
