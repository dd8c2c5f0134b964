//! What const evaluation makes of an expansion, read off its tokens.

use std::collections::{BTreeMap, BTreeSet};

use fheqat_spec::{
    Add, Axes, Bias, Constant, Conv, Does, Dropout, Field, Known, Law, Layer, Linear, MaxPool, Net, Pad,
    Padding, Pool, Quantizer, Reshape, Scale, Shape, Sides, Slice, Source, Thermometer, Thresholds, Transfer,
    Transpose, Upsample, WeightRange, WeightScale, Window, judge_each,
    limits::{Admitted, AdmittedFloat, Limit, admit_tolerance},
};
use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{
    Expr, ExprCall, ExprStruct, Fields, GenericArgument, Item, ItemConst, ItemStruct, Lit, Member,
    PathArguments, Stmt, Type,
};

/// An expansion.
pub(super) struct Emitted {
    item: ItemStruct,
    consts: Vec<ItemConst>,
    /// `SPEC`.
    pub(super) spec: Expr,
}

impl Emitted {
    pub(super) fn read(expansion: TokenStream) -> Self {
        let file: syn::File = syn::parse2(expansion).expect("an expansion is items");
        let (mut item, mut consts, mut spec) = (None, Vec::new(), None);
        for top in file.items {
            match top {
                Item::Struct(found) => item = Some(found),
                Item::Const(block) => {
                    let Expr::Block(block) = *block.expr else { panic!("one block holds the rest") };
                    for statement in block.block.stmts {
                        match statement {
                            Stmt::Item(Item::Const(found)) => consts.push(found),
                            Stmt::Item(Item::Impl(network)) => {
                                for member in network.items {
                                    if let syn::ImplItem::Const(found) = member {
                                        spec = Some(found.expr);
                                    }
                                }
                            }
                            _ => {}
                        }
                    }
                }
                Item::Macro(_) => {}
                other => panic!("an expansion has no `{}`", other.to_token_stream()),
            }
        }
        let parts = consts.iter().find(|found| found.ident == "__FHEQAT_NETWORK");
        let spec =
            parts.map(|parts| member(structure(&parts.expr), "spec")).or(spec).expect("it has a `SPEC`");
        Self { item: item.expect("it has the struct"), consts, spec }
    }

    /// `SPEC`.
    pub(super) fn net(&self) -> Net<'static> {
        let net = structure(&self.spec);
        let fields: Vec<_> = array(&member(net, "fields")).iter().map(|field| self.field(field)).collect();
        Net {
            name: text(&member(net, "name")),
            input: option(&member(net, "input")).map(|shape| self.shape(&shape)),
            max_bootstraps: option(&member(net, "max_bootstraps")).map(|most| self.number(&most)),
            tolerance: self.tolerance(net),
            fields: fields.leak(),
        }
    }

    /// The numbers that only const evaluation reads.
    pub(super) fn constants(&self) -> TokenStream {
        let is_number = |found: &&ItemConst| found.ty.to_token_stream().to_string().contains("Admitted");
        self.consts.iter().filter(is_number).map(ToTokens::to_token_stream).collect()
    }

    /// What const evaluation stops with.
    pub(super) fn messages(&self) -> BTreeSet<String> {
        let net = self.net();
        let verdicts = judge_each(&net);
        let mut messages = BTreeSet::new();
        for found in self.consts.iter().filter(|found| found.ident == "_") {
            let Expr::Call(call) = &*found.expr else { panic!("an assertion is a call") };
            let message: Option<String> = match last(&call.func).as_str() {
                "assert" if call.args.len() == 1 => self.refusal(&referenced(&call.args[0])),
                "assert" => {
                    let Expr::Index(verdict) = referenced(&call.args[0]) else { panic!("a verdict") };
                    let law = last(&call.args[1]);
                    let law = Law::ALL.into_iter().find(|known| format!("{known:?}") == law);
                    let issue = verdicts[integer(&verdict.index) as usize].issue(law.expect("a law"));
                    issue.map(ToString::to_string)
                }
                other => panic!("nothing asserts by `{other}`"),
            };
            messages.extend(message);
        }
        messages
    }

    /// Why the constant that `name` names was refused.
    fn refusal(&self, name: &Expr) -> Option<String> {
        let refusal = if self.constant(name).ty.to_token_stream().to_string().ends_with("AdmittedFloat") {
            self.admitted_tolerance(name).issue
        } else {
            self.admitted(name).issue
        };
        refusal.map(|refusal| refusal.to_string())
    }

    fn field(&self, field: &Expr) -> Field<'static> {
        let field = structure(field);
        let from: Vec<_> = array(&member(field, "from")).iter().map(source).collect();
        Field {
            name: text(&member(field, "name")),
            layer: self.layer(&member(field, "layer")),
            from: from.leak(),
        }
    }

    fn layer(&self, layer: &Expr) -> Layer {
        let kind = match layer {
            Expr::Call(call) => last(&call.func),
            other => last(other),
        };
        let inner = || match layer {
            Expr::Call(ExprCall { args, .. }) => args[0].clone(),
            other => panic!("`{}` holds nothing", other.to_token_stream()),
        };
        match kind.as_str() {
            "Quantizer" => Layer::Quantizer(self.quantizer(structure(&inner()))),
            "Linear" => Layer::Linear(self.linear(&inner())),
            "Add" => Layer::Add(Add { acc_bits: self.bound(structure(&inner()), "acc_bits") }),
            "Concat" => Layer::Concat,
            "Reshape" => Layer::Reshape(Reshape { shape: self.shape(&member(structure(&inner()), "shape")) }),
            "Transpose" => {
                let axes = self.numbers(&member(structure(&inner()), "axes"));
                Layer::Transpose(Transpose { axes: Axes::new(&axes) })
            }
            "Conv" => {
                let (inner, get) = (inner(), |conv: &Expr, name: &str| member(structure(conv), name));
                Layer::Conv(Conv {
                    filters: self.linear(&get(&inner, "filters")),
                    window: self.window(&get(&inner, "window")),
                    groups: self.number(&get(&inner, "groups")),
                })
            }
            "Pool" => {
                let pool = inner();
                let pool = structure(&pool);
                Layer::Pool(Pool {
                    window: option(&member(pool, "window")).map(|window| self.window(&window)),
                    acc_bits: self.bound(pool, "acc_bits"),
                })
            }
            "MaxPool" => {
                let inner = inner();
                let pool = structure(&inner);
                Layer::MaxPool(MaxPool {
                    window: self.window(&member(pool, "window")),
                    acc_bits: self.bound(pool, "acc_bits"),
                })
            }
            "Dropout" => match member(structure(&inner()), "p") {
                Expr::Call(now) => Layer::Dropout(Dropout { p: Known::Now(float(&now.args[0])) }),
                other => panic!("no sketch gives `{}`", other.to_token_stream()),
            },
            "Thermometer" => {
                let inner = inner();
                let thermometer = structure(&inner);
                Layer::Thermometer(Thermometer {
                    bits: self.number(&member(thermometer, "bits")),
                    thresholds: one_of(
                        &last(&member(thermometer, "thresholds")),
                        [Thresholds::ByShape, Thresholds::Quantiles, Thresholds::Uniform],
                    ),
                })
            }
            "Pad" => Layer::Pad(Pad { padding: self.padding(&member(structure(&inner()), "padding")) }),
            "Constant" => {
                let inner = inner();
                let constant = structure(&inner);
                let value = match member(constant, "value") {
                    Expr::Call(now) => Known::Now(float(&now.args[0])),
                    other => panic!("no sketch gives `{}`", other.to_token_stream()),
                };
                let does = one_of(&last(&member(constant, "does")), [Does::Multiply, Does::Add]);
                Layer::Constant(Constant { does, value })
            }
            "Slice" => {
                let inner = inner();
                let number = |name: &str| self.number(&member(structure(&inner), name));
                Layer::Slice(Slice { start: number("start"), end: number("end"), axis: number("axis") })
            }
            "Upsample" => {
                Layer::Upsample(Upsample { factor: self.number(&member(structure(&inner()), "factor")) })
            }
            "Flatten" => Layer::Flatten,
            "BatchNorm" => Layer::BatchNorm,
            "Unknown" => Layer::Unknown,
            other => panic!("no layer is called {other:?}"),
        }
    }

    fn quantizer(&self, quantizer: &ExprStruct) -> Quantizer {
        let transfer = match member(quantizer, "transfer") {
            Expr::Struct(function) => Transfer::Function { signed: self.sign(&member(&function, "signed")) },
            other => match last(&other).as_str() {
                "Signed" => Transfer::Signed,
                "Unsigned" => Transfer::Unsigned,
                "ReLU" => Transfer::ReLU,
                other => panic!("no function is called `{other}`"),
            },
        };
        let scale = match member(quantizer, "scale") {
            Expr::Call(from) => Scale::From(source(&from.args[0])),
            learned => {
                assert_eq!(last(&learned), "Learned", "no sketch fixes a scale");
                Scale::Learned
            }
        };
        let bits = self.number(&member(quantizer, "bits"));
        Quantizer { transfer, bits, scale, tolerance: self.tolerance(quantizer) }
    }

    /// `Known::Now(true)`, or what the function of the field says.
    fn sign(&self, sign: &Expr) -> Known<bool> {
        let Expr::Call(ExprCall { args, .. }) = sign else { panic!("a sign is known or asked for") };
        Known::Now(match &args[0] {
            Expr::Call(asked) => {
                assert_eq!(last(&asked.func), "is_signed");
                let GenericArgument::Type(function) = self.argument(&asked.args[0], 0) else {
                    panic!("a function is a type")
                };
                function.to_token_stream().to_string() == "Tanh"
            }
            literal => literal.to_token_stream().to_string() == "true",
        })
    }

    fn linear(&self, linear: &Expr) -> Linear {
        let linear = structure(linear);
        let name = |field: &str| last(&member(linear, field));
        let number = |field: &str| self.number(&member(linear, field));
        let bound = |field: &str| self.bound(linear, field);
        Linear {
            inputs: number("inputs"),
            outputs: number("outputs"),
            weight_bits: number("weight_bits"),
            weight_range: one_of(&name("weight_range"), [WeightRange::Narrow, WeightRange::Full]),
            weight_scale: one_of(&name("weight_scale"), [WeightScale::PerTensor, WeightScale::PerChannel]),
            max_nonzero: bound("max_nonzero"),
            max_l1: bound("max_l1"),
            bias: one_of(&name("bias"), [Bias::Centred, Bias::Clipped, Bias::Free, Bias::None]),
            acc_bits: bound("acc_bits"),
            tolerance: self.tolerance(linear),
        }
    }

    fn bound(&self, layer: &ExprStruct, field: &str) -> Option<Known<i64>> {
        option(&member(layer, field)).map(|number| self.number(&number))
    }

    fn window(&self, window: &Expr) -> Window {
        let window = structure(window);
        let number = |field: &str| self.number(&member(window, field));
        Window {
            axes: integer(&member(window, "axes")) as usize,
            kernel: number("kernel"),
            stride: number("stride"),
            dilation: number("dilation"),
            padding: self.padding(&member(window, "padding")),
        }
    }

    fn padding(&self, padding: &Expr) -> Padding {
        match padding {
            Expr::Call(call) => match last(&call.func).as_str() {
                "Equal" => Padding::Equal(self.number(&call.args[0])),
                _ => Padding::Sides(Sides::new(&self.numbers(&call.args[0]))),
            },
            same => {
                assert_eq!(last(same), "Same");
                Padding::Same
            }
        }
    }

    fn shape(&self, shape: &Expr) -> Shape {
        Shape::new(&self.numbers(shape))
    }

    /// The numbers that `Shape::new` or `Axes::new` is called with.
    fn numbers(&self, call: &Expr) -> Vec<Known<i64>> {
        let Expr::Call(ExprCall { args, .. }) = call else { panic!("a shape is made by a call") };
        array(&args[0]).iter().map(|number| self.number(number)).collect()
    }

    fn number(&self, number: &Expr) -> Known<i64> {
        match number {
            Expr::Call(now) => Known::Now(integer(&now.args[0]) as i64),
            Expr::Field(field) => {
                assert_eq!(field.member.to_token_stream().to_string(), "number");
                self.admitted(&field.base).number
            }
            later => {
                assert_eq!(last(later), "Later");
                Known::Later
            }
        }
    }

    /// The tolerance of a network, a quantizer, or a layer with weights.
    fn tolerance(&self, of: &ExprStruct) -> Option<Known<f64>> {
        option(&member(of, "tolerance")).map(|steps| match &steps {
            Expr::Call(now) => Known::Now(float(&now.args[0])),
            Expr::Field(field) => self.admitted_tolerance(&field.base).number,
            later => {
                assert_eq!(last(later), "Later");
                Known::Later
            }
        })
    }

    /// The constant that `name` names.
    fn constant(&self, name: &Expr) -> &ItemConst {
        let name = last(name);
        self.consts.iter().find(|found| found.ident == name).expect("the constant is there")
    }

    /// The constant that `name` names: `admit_tolerance(float(value) as f64)`.
    fn admitted_tolerance(&self, name: &Expr) -> AdmittedFloat {
        let Expr::Call(admit) = &*self.constant(name).expr else { panic!("a constant is admitted") };
        assert_eq!(last(&admit.func), "admit_tolerance", "no sketch fixes a scale");
        match &admit.args[0] {
            Expr::Match(read) => match &*read.expr {
                Expr::Call(call) => admit_tolerance(float(&call.args[0])),
                other => panic!("`{}` is no float", other.to_token_stream()),
            },
            other => panic!("`{}` is no float", other.to_token_stream()),
        }
    }

    /// The constant that `name` names: `Limit { .. }.admit(value)`.
    fn admitted(&self, name: &Expr) -> Admitted {
        let Expr::MethodCall(admit) = &*self.constant(name).expr else { panic!("a constant is admitted") };
        let limit = structure(&admit.receiver);
        let limit = Limit {
            name: text(&member(limit, "name")),
            least: integer(&member(limit, "least")) as i64,
            most: integer(&member(limit, "most")) as i64,
        };
        let value = match &admit.args[0] {
            Expr::Match(read) => match &*read.expr {
                Expr::Call(call) => integer(&call.args[0]),
                other => panic!("`{}` is no integer", other.to_token_stream()),
            },
            Expr::Call(dimension) => {
                assert_eq!(last(&dimension.func), "dimension");
                match self.argument(&dimension.args[0], integer(&dimension.args[1]) as usize) {
                    GenericArgument::Const(value) => integer(&value),
                    other => panic!("`{}` is no number", other.to_token_stream()),
                }
            }
            other => panic!("`{}` is no number", other.to_token_stream()),
        };
        limit.admit(value)
    }

    /// What the type of the field that a closure projects to is given at `index`.
    fn argument(&self, closure: &Expr, index: usize) -> GenericArgument {
        let Expr::Closure(closure) = closure else { panic!("a field is projected to by a closure") };
        let Expr::Field(projection) = referenced(&closure.body) else { panic!("the closure gives a field") };
        let Fields::Named(fields) = &self.item.fields else { panic!("fields have names") };
        let is_it = |field: &&syn::Field| {
            field.ident.clone().is_some_and(|name| Member::Named(name) == projection.member)
        };
        let field = fields.named.iter().find(is_it).expect("the field is there");
        let Type::Path(path) = &field.ty else { panic!("a layer is a path") };
        match path.path.segments.last().map(|segment| &segment.arguments) {
            Some(PathArguments::AngleBracketed(arguments)) => arguments.args[index].clone(),
            _ => panic!("the layer takes nothing"),
        }
    }
}

fn structure(expr: &Expr) -> &ExprStruct {
    match expr {
        Expr::Struct(structure) => structure,
        other => panic!("`{}` is no struct", other.to_token_stream()),
    }
}

fn member(structure: &ExprStruct, name: &str) -> Expr {
    let members: BTreeMap<String, &Expr> = structure
        .fields
        .iter()
        .map(|field| (field.member.to_token_stream().to_string(), &field.expr))
        .collect();
    members[name].clone()
}

fn array(expr: &Expr) -> Vec<Expr> {
    match referenced(expr) {
        Expr::Array(array) => array.elems.into_iter().collect(),
        other => panic!("`{}` is no array", other.to_token_stream()),
    }
}

fn referenced(expr: &Expr) -> Expr {
    match expr {
        Expr::Reference(reference) => (*reference.expr).clone(),
        other => panic!("`{}` is no reference", other.to_token_stream()),
    }
}

fn option(expr: &Expr) -> Option<Expr> {
    match expr {
        Expr::Call(some) => Some(some.args[0].clone()),
        none => {
            assert_eq!(last(none), "None");
            None
        }
    }
}

fn source(expr: &Expr) -> Source {
    match expr {
        Expr::Call(field) => Source::Field(integer(&field.args[0]) as usize),
        other if last(other) == "Input" => Source::Input,
        other => {
            assert_eq!(last(other), "Broken");
            Source::Broken
        }
    }
}

fn text(expr: &Expr) -> &'static str {
    match expr {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => text.value().leak(),
            _ => panic!("no text"),
        },
        other => panic!("`{}` is no text", other.to_token_stream()),
    }
}

fn integer(expr: &Expr) -> i128 {
    match expr {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Int(integer) => integer.base10_parse().expect("an integer"),
            _ => panic!("no integer"),
        },
        Expr::Block(block) => match block.block.stmts.as_slice() {
            [Stmt::Expr(value, None)] => integer(value),
            _ => panic!("no integer"),
        },
        other => panic!("`{}` is no integer", other.to_token_stream()),
    }
}

fn float(expr: &Expr) -> f64 {
    match expr {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Float(float) => float.base10_parse().expect("a float"),
            // A whole number with a suffix.
            Lit::Int(float) => float.base10_parse().expect("a float"),
            _ => panic!("no float"),
        },
        Expr::Unary(negative) => -float(&negative.expr),
        Expr::Block(block) => match block.block.stmts.as_slice() {
            [Stmt::Expr(value, None)] => float(value),
            _ => panic!("no float"),
        },
        other => panic!("`{}` is no float", other.to_token_stream()),
    }
}

/// The last name of a path.
fn last(expr: &Expr) -> String {
    match expr {
        Expr::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()).expect("a path"),
        other => panic!("`{}` is no path", other.to_token_stream()),
    }
}

fn one_of<T: std::fmt::Debug + Copy>(name: &str, all: impl IntoIterator<Item = T>) -> T {
    all.into_iter().find(|known| format!("{known:?}") == name).expect("a known name")
}
