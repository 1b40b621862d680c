// The same GELU, from Rust: the prototype of gelu.h, written by hand.
extern "C" {
    fn gelu_tanh_kernel(x: *const f32, out: *mut f32, n: i32, grid_x: i64, grid_y: i64, grid_z: i64) -> i32;
}

#[repr(align(16))]
struct Aligned([f32; 1000]);

fn main() {
    let (mut x, mut out) = (Aligned([0.0; 1000]), Aligned([0.0; 1000]));
    for (i, value) in x.0.iter_mut().enumerate() {
        *value = (i as f32 - 500.0) / 100.0;
    }
    let code = unsafe { gelu_tanh_kernel(x.0.as_ptr(), out.0.as_mut_ptr(), 1000, 1, 1, 1) };
    assert_eq!(code, 0, "RUNG_OK");
    let exact = |v: f64| 0.5 * v * (1.0 + (0.7978845608028654 * (v + 0.044715 * v * v * v)).tanh());
    let worst = x.0.iter().zip(out.0).map(|(&v, y)| (exact(v as f64) - y as f64).abs()).fold(0.0, f64::max);
    println!("gelu: 1000 elements, error at most {worst:.1e}");
    assert!(worst < 1e-5);
}
