//! Reads `#[message(...)]` and `#[field(...)]`.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Data, DeriveInput, Error, Expr, Fields, Ident, LitInt, Result, Token, Type};

/// An inclusive range of versions, open at either end.
#[derive(Clone, Copy, Default)]
pub(crate) struct Versions {
    pub(crate) first: Option<i16>,
    pub(crate) last: Option<i16>,
}

impl Parse for Versions {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let first = parse_bound(input)?;
        let last = if input.peek(Token![..=]) {
            input.parse::<Token![..=]>()?;
            parse_bound(input)?
        } else {
            input.parse::<Token![..]>()?;
            None
        };
        Ok(Self { first, last })
    }
}

fn parse_bound(input: ParseStream<'_>) -> Result<Option<i16>> {
    if input.peek(LitInt) {
        return input.parse::<LitInt>()?.base10_parse().map(Some);
    }
    Ok(None)
}

impl Versions {
    /// The test whether `version` is in the range; `None` if it always is.
    pub(crate) fn condition(self) -> Option<TokenStream> {
        match (self.first, self.last) {
            (None, None) => None,
            (Some(first), None) => Some(quote!(version >= #first)),
            (None, Some(last)) => Some(quote!(version <= #last)),
            (Some(first), Some(last)) if first == last => Some(quote!(version == #first)),
            (Some(first), Some(last)) => Some(quote!((#first..=#last).contains(&version))),
        }
    }
}

/// What `#[message(...)]` says.
pub(crate) struct MessageAttributes {
    pub(crate) first: i16,
    pub(crate) last: i16,
    pub(crate) unstable: Option<i16>,
    pub(crate) flexible: Option<i16>,
    pub(crate) api_key: Option<Ident>,
    pub(crate) response: Option<Ident>,
}

impl MessageAttributes {
    pub(crate) fn of(input: &DeriveInput) -> Result<Self> {
        let attribute = input
            .attrs
            .iter()
            .find(|a| a.path().is_ident("message"))
            .ok_or_else(|| Error::new_spanned(&input.ident, "needs `#[message(versions = ..)]`"))?;
        let mut versions = Versions::default();
        let mut flexible = Versions::default();
        let (mut unstable, mut api_key, mut response) = (None, None, None);
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("versions") {
                versions = meta.value()?.parse()?;
            } else if meta.path.is_ident("flexible") {
                flexible = meta.value()?.parse()?;
                if flexible.first.is_none() || flexible.last.is_some() {
                    return Err(meta.error("write `flexible = N..`"));
                }
            } else if meta.path.is_ident("unstable") {
                unstable = Some(meta.value()?.parse::<LitInt>()?.base10_parse()?);
            } else if meta.path.is_ident("api_key") {
                api_key = Some(meta.value()?.parse()?);
            } else if meta.path.is_ident("response") {
                response = Some(meta.value()?.parse()?);
            } else {
                return Err(meta.error("unknown key"));
            }
            Ok(())
        })?;
        let (Some(first), Some(last)) = (versions.first, versions.last) else {
            return Err(Error::new_spanned(
                attribute,
                "needs `versions = FIRST..=LAST`",
            ));
        };
        if first > last || unstable.is_some_and(|u| u != last || u == first) {
            return Err(Error::new_spanned(
                attribute,
                "the versions are out of order",
            ));
        }
        if api_key.is_some() != response.is_some() {
            return Err(Error::new_spanned(
                attribute,
                "`api_key` and `response` go together",
            ));
        }
        Ok(Self {
            first,
            last,
            unstable,
            flexible: flexible.first,
            api_key,
            response,
        })
    }
}

/// A field and what `#[field(...)]` says of it.
pub(crate) struct Field<'a> {
    pub(crate) name: &'a Ident,
    pub(crate) ty: &'a Type,
    pub(crate) versions: Versions,
    /// `None` where the field may be null in all its versions, or is not an `Option`.
    pub(crate) nullable: Option<Versions>,
    pub(crate) tag: Option<u32>,
    pub(crate) default: Option<Expr>,
    pub(crate) ignorable: bool,
    pub(crate) inflexible: bool,
}

impl<'a> Field<'a> {
    fn of(field: &'a syn::Field) -> Result<Self> {
        let name = field
            .ident
            .as_ref()
            .ok_or_else(|| Error::new_spanned(field, "fields of messages are named"))?;
        let mut this = Self {
            name,
            ty: &field.ty,
            versions: Versions::default(),
            nullable: None,
            tag: None,
            default: None,
            ignorable: false,
            inflexible: false,
        };
        for attribute in field.attrs.iter().filter(|a| a.path().is_ident("field")) {
            this.parse(attribute)?;
        }
        if this.nullable.is_some() && !is_option(this.ty) {
            return Err(Error::new_spanned(this.ty, "only an `Option` is nullable"));
        }
        Ok(this)
    }

    fn parse(&mut self, attribute: &Attribute) -> Result<()> {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("versions") {
                self.versions = meta.value()?.parse()?;
            } else if meta.path.is_ident("nullable") {
                self.nullable = Some(meta.value()?.parse()?);
            } else if meta.path.is_ident("tag") {
                self.tag = Some(meta.value()?.parse::<LitInt>()?.base10_parse()?);
            } else if meta.path.is_ident("default") {
                self.default = Some(meta.value()?.parse()?);
            } else if meta.path.is_ident("ignorable") {
                self.ignorable = true;
            } else if meta.path.is_ident("inflexible") {
                self.inflexible = true;
            } else {
                return Err(meta.error("unknown key"));
            }
            Ok(())
        })
    }

    /// `Structure.field`, the name errors carry.
    pub(crate) fn full_name(&self, structure: &Ident) -> String {
        format!("{structure}.{}", self.name.unraw())
    }

    pub(crate) fn default_value(&self) -> TokenStream {
        match &self.default {
            Some(value) => quote!(#value),
            None => quote!(::core::default::Default::default()),
        }
    }
}

/// The fields of a structure: those on the wire, and the one that holds unknown tags.
pub(crate) struct StructureFields<'a> {
    pub(crate) fields: Vec<Field<'a>>,
    pub(crate) unknown_tags: Option<&'a Ident>,
}

impl<'a> StructureFields<'a> {
    pub(crate) fn of(input: &'a DeriveInput) -> Result<Self> {
        let Data::Struct(data) = &input.data else {
            return Err(Error::new_spanned(&input.ident, "messages are structs"));
        };
        let Fields::Named(named) = &data.fields else {
            return Err(Error::new_spanned(
                &input.ident,
                "fields of messages are named",
            ));
        };
        if !input.generics.params.is_empty() {
            return Err(Error::new_spanned(
                &input.generics,
                "messages are not generic",
            ));
        }
        let mut fields = Vec::new();
        let mut unknown_tags = None;
        for field in &named.named {
            if let Some(name) = unknown_tags {
                return Err(Error::new_spanned(name, "the unknown tags come last"));
            }
            if last_segment_is(&field.ty, "UnknownTags") {
                unknown_tags = field.ident.as_ref();
            } else {
                fields.push(Field::of(field)?);
            }
        }
        let tagged = fields.iter().filter_map(|f| f.tag);
        if !tagged.clone().is_sorted_by(|a, b| a < b) {
            let message = "tagged fields are declared in the order of their tags";
            return Err(Error::new(Span::call_site(), message));
        }
        if tagged.count() > 0 && unknown_tags.is_none() {
            let message = "tagged fields need `unknown_tagged_fields: UnknownTags`";
            return Err(Error::new_spanned(&input.ident, message));
        }
        Ok(Self {
            fields,
            unknown_tags,
        })
    }

    pub(crate) fn tagged(&self) -> impl Iterator<Item = &Field<'a>> {
        self.fields.iter().filter(|f| f.tag.is_some())
    }

    pub(crate) fn positional(&self) -> impl Iterator<Item = &Field<'a>> {
        self.fields.iter().filter(|f| f.tag.is_none())
    }
}

fn is_option(ty: &Type) -> bool {
    last_segment_is(ty, "Option")
}

fn last_segment_is(ty: &Type, name: &str) -> bool {
    let Type::Path(path) = ty else { return false };
    path.path
        .segments
        .last()
        .is_some_and(|segment| segment.ident == name)
}
