//! What serde sees of a value, as a tree that can be changed and written again in postcard's format.

use std::fmt;

use serde::{
    Serialize, Serializer,
    ser::{
        Error as _, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
        SerializeTupleStruct, SerializeTupleVariant,
    },
};

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tree {
    Bool(bool),
    /// A number and its width in bits.
    Unsigned(u128, u32),
    Signed(i128, u32),
    F32(f32),
    F64(f64),
    Text(String),
    Bytes(Vec<u8>),
    Option(Option<Box<Tree>>),
    /// A struct or a tuple: its name, and its fields.
    Group(&'static str, Vec<Tree>),
    /// The name of the enum, which variant, and its fields.
    Variant(&'static str, u32, Vec<Tree>),
    Sequence(Vec<Tree>),
}

impl Tree {
    pub(crate) fn of(value: &impl Serialize) -> Self {
        value.serialize(Grow).unwrap()
    }

    /// Nodes of the tree, itself the first.
    pub(crate) fn size(&self) -> usize {
        1 + self.children().iter().map(Self::size).sum::<usize>()
    }

    pub(crate) fn children(&self) -> &[Self] {
        match self {
            Self::Group(_, children) | Self::Variant(_, _, children) | Self::Sequence(children) => children,
            Self::Option(Some(child)) => std::slice::from_ref(child),
            _ => &[],
        }
    }

    pub(crate) fn children_mut(&mut self) -> &mut [Self] {
        match self {
            Self::Group(_, children) | Self::Variant(_, _, children) | Self::Sequence(children) => children,
            Self::Option(Some(child)) => std::slice::from_mut(child),
            _ => &mut [],
        }
    }

    /// A node by its number, each before its children.
    pub(crate) fn node_mut(&mut self, number: usize) -> Option<&mut Self> {
        fn find<'t>(tree: &'t mut Tree, left: &mut usize) -> Option<&'t mut Tree> {
            if *left == 0 {
                return Some(tree);
            }
            *left -= 1;
            tree.children_mut().iter_mut().find_map(|child| find(child, left))
        }
        find(self, &mut { number })
    }

    /// Calls with every node and what names its place: nodes of one place have one type.
    pub(crate) fn visit(&self, place: &str, visitor: &mut impl FnMut(&str, &Self)) {
        visitor(place, self);
        for (index, child) in self.children().iter().enumerate() {
            let inner = match self {
                Self::Group("", _) => format!("{place}.{index}"),
                Self::Group(name, _) => format!("{name}.{index}"),
                Self::Variant(name, variant, _) => format!("{name}:{variant}.{index}"),
                _ => format!("{place}[]"),
            };
            child.visit(&inner, visitor);
        }
    }

    pub(crate) fn write(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Bool(bit) => bytes.push(u8::from(*bit)),
            Self::Unsigned(number, 8) => bytes.push(*number as u8),
            Self::Signed(number, 8) => bytes.push(*number as u8),
            Self::Unsigned(number, _) => varint(*number, bytes),
            Self::Signed(number, _) => varint(((number << 1) ^ (number >> 127)) as u128, bytes),
            Self::F32(number) => bytes.extend_from_slice(&number.to_le_bytes()),
            Self::F64(number) => bytes.extend_from_slice(&number.to_le_bytes()),
            Self::Text(text) => {
                varint(text.len() as u128, bytes);
                bytes.extend_from_slice(text.as_bytes());
            }
            Self::Bytes(inner) => {
                varint(inner.len() as u128, bytes);
                bytes.extend_from_slice(inner);
            }
            Self::Option(inner) => bytes.push(u8::from(inner.is_some())),
            Self::Group(..) => {}
            Self::Variant(_, variant, _) => varint((*variant).into(), bytes),
            Self::Sequence(elements) => varint(elements.len() as u128, bytes),
        }
        self.children().iter().for_each(|child| child.write(bytes));
    }
}

fn varint(mut number: u128, bytes: &mut Vec<u8>) {
    while number > 0x7f {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

#[derive(Debug)]
pub(crate) struct NoTree(String);

impl fmt::Display for NoTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoTree {}

impl serde::ser::Error for NoTree {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

type Grown = Result<Tree, NoTree>;

struct Grow;

/// What has several children: they are put into `parent`.
struct Growing {
    parent: Tree,
    children: Vec<Tree>,
}

impl Growing {
    fn of(parent: Tree) -> Self {
        Self { parent, children: Vec::new() }
    }

    fn push(&mut self, child: &(impl Serialize + ?Sized)) -> Result<(), NoTree> {
        self.children.push(child.serialize(Grow)?);
        Ok(())
    }

    fn grown(self) -> Tree {
        match self.parent {
            Tree::Group(name, _) => Tree::Group(name, self.children),
            Tree::Variant(name, variant, _) => Tree::Variant(name, variant, self.children),
            _ => Tree::Sequence(self.children),
        }
    }
}

macro_rules! leaves {
    ($($method:ident $type:ty, $number:ident => $tree:expr;)*) => {
        $(fn $method(self, $number: $type) -> Grown { Ok($tree) })*
    };
}

impl Serializer for Grow {
    type Ok = Tree;
    type Error = NoTree;
    type SerializeSeq = Growing;
    type SerializeTuple = Growing;
    type SerializeTupleStruct = Growing;
    type SerializeTupleVariant = Growing;
    type SerializeMap = Growing;
    type SerializeStruct = Growing;
    type SerializeStructVariant = Growing;

    leaves! {
        serialize_bool bool, it => Tree::Bool(it);
        serialize_u8 u8, it => Tree::Unsigned(it.into(), 8);
        serialize_u16 u16, it => Tree::Unsigned(it.into(), 16);
        serialize_u32 u32, it => Tree::Unsigned(it.into(), 32);
        serialize_u64 u64, it => Tree::Unsigned(it.into(), 64);
        serialize_u128 u128, it => Tree::Unsigned(it, 128);
        serialize_i8 i8, it => Tree::Signed(it.into(), 8);
        serialize_i16 i16, it => Tree::Signed(it.into(), 16);
        serialize_i32 i32, it => Tree::Signed(it.into(), 32);
        serialize_i64 i64, it => Tree::Signed(it.into(), 64);
        serialize_f32 f32, it => Tree::F32(it);
        serialize_f64 f64, it => Tree::F64(it);
        serialize_char char, it => Tree::Text(it.into());
        serialize_str &str, it => Tree::Text(it.to_owned());
        serialize_bytes &[u8], it => Tree::Bytes(it.to_vec());
        serialize_unit_struct &'static str, name => Tree::Group(name, Vec::new());
    }

    fn serialize_none(self) -> Grown {
        Ok(Tree::Option(None))
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Grown {
        Ok(Tree::Option(Some(Box::new(value.serialize(Self)?))))
    }

    fn serialize_unit(self) -> Grown {
        Ok(Tree::Group("", Vec::new()))
    }

    fn serialize_unit_variant(self, name: &'static str, variant: u32, _: &'static str) -> Grown {
        Ok(Tree::Variant(name, variant, Vec::new()))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Grown {
        Ok(Tree::Group(name, vec![value.serialize(Self)?]))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        variant: u32,
        _: &'static str,
        value: &T,
    ) -> Grown {
        Ok(Tree::Variant(name, variant, vec![value.serialize(Self)?]))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Growing, NoTree> {
        Ok(Growing::of(Tree::Sequence(Vec::new())))
    }

    fn serialize_tuple(self, _: usize) -> Result<Growing, NoTree> {
        Ok(Growing::of(Tree::Group("", Vec::new())))
    }

    fn serialize_tuple_struct(self, name: &'static str, _: usize) -> Result<Growing, NoTree> {
        Ok(Growing::of(Tree::Group(name, Vec::new())))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        variant: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Growing, NoTree> {
        Ok(Growing::of(Tree::Variant(name, variant, Vec::new())))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Growing, NoTree> {
        Err(NoTree::custom("no artefact has a map"))
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Growing, NoTree> {
        Ok(Growing::of(Tree::Group(name, Vec::new())))
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        variant: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Growing, NoTree> {
        Ok(Growing::of(Tree::Variant(name, variant, Vec::new())))
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

macro_rules! compound {
    ($($trait:ident $method:ident;)*) => {
        $(impl $trait for Growing {
            type Ok = Tree;
            type Error = NoTree;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NoTree> {
                self.push(value)
            }

            fn end(self) -> Grown {
                Ok(self.grown())
            }
        })*
    };
}

macro_rules! compound_of_fields {
    ($($trait:ident;)*) => {
        $(impl $trait for Growing {
            type Ok = Tree;
            type Error = NoTree;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                _: &'static str,
                value: &T,
            ) -> Result<(), NoTree> {
                self.push(value)
            }

            fn end(self) -> Grown {
                Ok(self.grown())
            }
        })*
    };
}

compound! {
    SerializeSeq serialize_element;
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
    SerializeTupleVariant serialize_field;
}

compound_of_fields! {
    SerializeStruct;
    SerializeStructVariant;
}

impl SerializeMap for Growing {
    type Ok = Tree;
    type Error = NoTree;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NoTree> {
        self.push(value)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NoTree> {
        self.push(value)
    }

    fn end(self) -> Grown {
        Ok(self.grown())
    }
}
