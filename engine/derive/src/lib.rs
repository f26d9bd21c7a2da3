//! `#[derive(Put)]`: how a message is written from its end, read off the `#[prost(…)]`
//! attributes that stand on its fields already, so that no message is described twice.
//!
//! What a field may be is what this project's messages have; anything else is an error
//! where it stands, not a wrong byte.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Data, DeriveInput, Error, Fields, LitStr, Result, Variant};

/// Derives `crate::backward::Put` for a message or a oneof.
#[proc_macro_derive(Put)]
pub fn put(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let parsed = syn::parse(input);
    let made = parsed.and_then(|input| derive(&input));
    made.unwrap_or_else(|error| error.to_compile_error()).into()
}

fn derive(input: &DeriveInput) -> Result<TokenStream> {
    let name = &input.ident;
    let body = match &input.data {
        Data::Struct(of) => message(&of.fields)?,
        Data::Enum(of) => {
            let arms: Vec<_> = of.variants.iter().map(arm).collect::<Result<_>>()?;
            quote!(match self { #(#arms)* })
        }
        Data::Union(_) => return Err(Error::new_spanned(name, "a union is no message")),
    };
    Ok(quote! {
        impl crate::backward::Put for #name {
            fn put(&self, out: &mut crate::backward::Backward) {
                #body
            }
        }
    })
}

/// The fields, last first; prost writes them by ascending tag.
fn message(fields: &Fields) -> Result<TokenStream> {
    let mut told = Vec::new();
    for field in fields {
        let about = Told::of(&field.attrs, field)?;
        let name = &field.ident;
        told.push((about.first_tag(), about.statement(&quote!(self.#name))?));
    }
    told.sort_by_key(|(tag, _)| std::cmp::Reverse(*tag));
    let statements = told.into_iter().map(|(_, statement)| statement);
    Ok(quote!(#(#statements)* let _ = out;))
}

/// One message of a oneof, which is written even if it is empty.
fn arm(variant: &Variant) -> Result<TokenStream> {
    let about = Told::of(&variant.attrs, variant)?;
    if about.kind != "message" || about.shape != Shape::One {
        return Err(Error::new_spanned(variant, "a oneof has messages only"));
    }
    let (name, tag) = (&variant.ident, about.first_tag());
    Ok(quote!(Self::#name(message) => out.message(#tag, message),))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    One,
    Optional,
    Repeated,
}

/// What an attribute tells of a field.
struct Told {
    kind: String,
    shape: Shape,
    tags: Vec<u32>,
    at: TokenStream,
}

impl Told {
    fn of(attributes: &[syn::Attribute], at: &impl ToTokens) -> Result<Self> {
        let mut told = Self {
            kind: String::new(),
            shape: Shape::One,
            tags: Vec::new(),
            at: at.to_token_stream(),
        };
        for attribute in attributes {
            if !attribute.path().is_ident("prost") {
                continue;
            }
            attribute.parse_nested_meta(|meta| {
                let word = meta.path.require_ident()?.to_string();
                match word.as_str() {
                    "optional" => told.shape = Shape::Optional,
                    "repeated" => told.shape = Shape::Repeated,
                    "tag" | "tags" => {
                        let text: LitStr = meta.value()?.parse()?;
                        for tag in text.value().split(',') {
                            let tag = tag.trim().parse();
                            told.tags.push(tag.map_err(|_| meta.error("no tag"))?);
                        }
                    }
                    "bytes" | "enumeration" | "oneof" | "btree_map" => {
                        let value: LitStr = meta.value()?.parse()?;
                        if word == "btree_map" && value.value() != "string, string" {
                            return Err(meta.error("a map is of texts by texts"));
                        }
                        told.kind = word;
                    }
                    _ => told.kind = word,
                }
                Ok(())
            })?;
        }
        if told.tags.is_empty() {
            return Err(Error::new_spanned(&told.at, "a field without a tag"));
        }
        Ok(told)
    }

    fn first_tag(&self) -> u32 {
        self.tags.iter().copied().min().unwrap_or_default()
    }

    fn statement(&self, field: &TokenStream) -> Result<TokenStream> {
        let tag = self.first_tag();
        let number = |value: TokenStream| -> Option<TokenStream> {
            // As varints are: signed ones in 64 bits, zigzag where the type says so.
            Some(match self.kind.as_str() {
                "uint32" | "bool" => quote!(u64::from(#value)),
                "uint64" => quote!(#value),
                "int32" | "enumeration" => quote!(i64::from(#value).cast_unsigned()),
                "int64" => quote!(#value.cast_unsigned()),
                "sint32" | "sint64" => quote!(crate::backward::zigzag(i64::from(#value))),
                _ => return None,
            })
        };
        let made = match (self.shape, self.kind.as_str()) {
            (Shape::One, "string") => quote!(out.bytes(#tag, #field.as_bytes());),
            (Shape::One, "bytes") => quote!(out.bytes(#tag, &#field);),
            (Shape::One, "fixed64") => quote!(out.fixed64(#tag, #field);),
            (Shape::One, "oneof") => {
                quote!(if let Some(one) = &#field { crate::backward::Put::put(one, out); })
            }
            (Shape::One, "btree_map") => quote!(out.texts(#tag, &#field);),
            (Shape::Optional, "message") => {
                quote!(if let Some(message) = &#field { out.message(#tag, message); })
            }
            (Shape::Repeated, "message") => {
                quote!(for message in #field.iter().rev() { out.message(#tag, message); })
            }
            (Shape::Repeated, "string") => {
                quote!(for text in #field.iter().rev() { out.part(#tag, text.as_bytes()); })
            }
            (Shape::One, _) => match number(field.clone()) {
                Some(value) => quote!(out.number(#tag, #value);),
                None => return Err(self.unknown()),
            },
            (Shape::Repeated, _) => match number(quote!((*one))) {
                Some(value) => quote! {
                    out.packed(#tag, #field.iter().rev().map(|one| #value));
                },
                None => return Err(self.unknown()),
            },
            (Shape::Optional, _) => match number(quote!((*one))) {
                Some(value) => quote!(if let Some(one) = &#field { out.present(#tag, #value); }),
                None => return Err(self.unknown()),
            },
        };
        Ok(made)
    }

    fn unknown(&self) -> Error {
        Error::new_spanned(
            &self.at,
            format!("{:?} {} is not written here yet", self.shape, self.kind),
        )
    }
}
