//! Writes the implementations. Everything that does not depend on the definition lives in
//! `thalweg_protocol`; what is written here is one call per field, with the version test it needs.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Ident, Result};

use crate::attributes::{Field, MessageAttributes, StructureFields};

/// `Message` and, for a request, `Request`, on top of all that [`structure`] writes.
pub(crate) fn message(input: &DeriveInput) -> Result<TokenStream> {
    let attributes = MessageAttributes::of(input)?;
    let structure = structure(input)?;
    let ident = &input.ident;
    let name = ident.to_string();
    let MessageAttributes {
        first,
        last,
        unstable,
        flexible,
        api_key,
        response,
    } = attributes;
    let stable = if unstable.is_some() { last - 1 } else { last };
    let flexible = flexible.unwrap_or(i16::MAX);
    let request = api_key.zip(response).map(|(api_key, response)| {
        quote! {
            impl ::thalweg_protocol::Request for #ident {
                const API_KEY: ::thalweg_protocol::ApiKey = ::thalweg_protocol::ApiKey::#api_key;
                type Response = #response;
            }
        }
    });
    Ok(quote! {
        #structure
        impl ::thalweg_protocol::Message for #ident {
            const NAME: &'static str = #name;
            const MIN_VERSION: i16 = #first;
            const MAX_VERSION: i16 = #stable;
            const MAX_UNSTABLE_VERSION: i16 = #last;
            const FIRST_FLEXIBLE_VERSION: i16 = #flexible;
        }
        #request
    })
}

/// `Structure` and `Default`.
pub(crate) fn structure(input: &DeriveInput) -> Result<TokenStream> {
    let structure = StructureFields::of(input)?;
    let ident = &input.ident;
    let decode = decode(ident, &structure);
    let encode = encode(ident, &structure);
    let bytes_min = bytes_min(&structure);
    let default = default(ident, &structure);
    let reflect = if cfg!(feature = "reflect") {
        reflect(ident, &structure)
    } else {
        quote!()
    };
    Ok(quote! {
        impl ::thalweg_protocol::Structure for #ident {
            fn decode_fields(
                &mut self,
                decoder: &mut ::thalweg_protocol::Decoder,
            ) -> ::core::result::Result<(), ::thalweg_protocol::DecodeError> {
                #decode
            }

            fn encode_fields(
                &self,
                encoder: &mut ::thalweg_protocol::Encoder,
            ) -> ::core::result::Result<(), ::thalweg_protocol::EncodeError> {
                #encode
            }

            fn bytes_min(version: i16, flexible: bool) -> usize {
                #bytes_min
            }
        }
        #default
        #reflect
    })
}

fn decode(ident: &Ident, structure: &StructureFields<'_>) -> TokenStream {
    let positional = structure.positional().map(|field| {
        let read = read(ident, field);
        match field.versions.condition() {
            Some(condition) => quote!(if #condition { #read }),
            None => read,
        }
    });
    let tags = structure.unknown_tags.map(|unknown| {
        if structure.tagged().next().is_none() {
            return quote!(decoder.unknown_tags(&mut self.#unknown)?;);
        }
        let arms = structure.tagged().map(|field| {
            let (name, tag, full_name) = (field.name, field.tag, field.full_name(ident));
            let read = quote!(decoder.read_tagged(#full_name, &mut self.#name)?;);
            let guard = field
                .versions
                .condition()
                .map(|condition| quote!(if #condition));
            quote!(#tag #guard => { #read })
        });
        quote! {
            let mut tags = decoder.begin_tags()?;
            while let Some(tag) = decoder.next_tag(&mut tags)? {
                match tag {
                    #(#arms)*
                    _ => decoder.unknown_tag(tag, &mut self.#unknown)?,
                }
                decoder.end_tag(&tags)?;
            }
        }
    });
    quote! {
        let version = decoder.version();
        let _ = version;
        #(#positional)*
        #tags
        Ok(())
    }
}

fn read(ident: &Ident, field: &Field<'_>) -> TokenStream {
    let (name, full_name) = (field.name, field.full_name(ident));
    if field.inflexible {
        return quote!(decoder.read_inflexible(#full_name, &mut self.#name)?;);
    }
    let read = quote!(decoder.read(#full_name, &mut self.#name)?;);
    match field.nullable.and_then(|versions| versions.condition()) {
        Some(nullable) => quote! {
            if #nullable {
                #read
            } else {
                decoder.read(#full_name, self.#name.get_or_insert_default())?;
            }
        },
        None => read,
    }
}

fn encode(ident: &Ident, structure: &StructureFields<'_>) -> TokenStream {
    let positional = structure.positional().map(|field| {
        let write = write(ident, field);
        match field.versions.condition() {
            Some(condition) => {
                let absent = absent(ident, field);
                quote!(if #condition { #write } #absent)
            }
            None => write,
        }
    });
    let absent_tagged = structure.tagged().map(|field| {
        let absent = absent(ident, field);
        match field.versions.condition() {
            Some(condition) => quote!(if #condition {} #absent),
            None => quote!(if encoder.is_flexible() {} #absent),
        }
    });
    let tags = structure.unknown_tags.map(|unknown| {
        let fields = structure.tagged().map(|field| {
            let (name, tag, full_name) = (field.name, field.tag, field.full_name(ident));
            let default = field.default_value();
            let write = quote! {
                encoder.write_tag(&mut tags, #tag, #full_name, &self.#name, &#default)?;
            };
            match field.versions.condition() {
                Some(condition) => quote!(if #condition { #write }),
                None => write,
            }
        });
        let name = ident.to_string();
        if structure.tagged().next().is_none() {
            return quote!(encoder.write_unknown_tags(#name, &self.#unknown)?;);
        }
        quote! {
            #(#absent_tagged)*
            let mut tags = encoder.begin_tags(#name, &self.#unknown)?;
            if encoder.is_flexible() {
                #(#fields)*
            }
            encoder.end_tags(tags)?;
        }
    });
    quote! {
        let version = encoder.version();
        let _ = version;
        #(#positional)*
        #tags
        Ok(())
    }
}

fn write(ident: &Ident, field: &Field<'_>) -> TokenStream {
    let (name, full_name) = (field.name, field.full_name(ident));
    if field.inflexible {
        return quote!(encoder.write_inflexible(#full_name, &self.#name)?;);
    }
    let write = quote!(encoder.write(#full_name, &self.#name)?;);
    match field.nullable.and_then(|versions| versions.condition()) {
        Some(nullable) => quote! {
            if #nullable {
                #write
            } else {
                encoder.write_present(#full_name, &self.#name)?;
            }
        },
        None => write,
    }
}

/// The branch for versions without the field: a value that would be lost silently is refused.
fn absent(ident: &Ident, field: &Field<'_>) -> TokenStream {
    if field.ignorable {
        return quote!();
    }
    let (name, full_name, default) = (field.name, field.full_name(ident), field.default_value());
    quote!(else { encoder.check_absent(#full_name, &self.#name, &#default)?; })
}

fn bytes_min(structure: &StructureFields<'_>) -> TokenStream {
    let fields = structure.positional().map(|field| {
        let ty = field.ty;
        let add = quote!(bytes += <#ty as ::thalweg_protocol::Wire>::bytes_min(version, flexible););
        match field.versions.condition() {
            Some(condition) => quote!(if #condition { #add }),
            None => add,
        }
    });
    let tags = if structure.unknown_tags.is_some() {
        quote!(usize::from(flexible))
    } else {
        quote!(0)
    };
    quote! {
        let _ = (version, flexible);
        let mut bytes: usize = #tags;
        #(#fields)*
        bytes
    }
}

fn default(ident: &Ident, structure: &StructureFields<'_>) -> TokenStream {
    let fields = structure.fields.iter().map(|field| {
        let (name, default) = (field.name, field.default_value());
        quote!(#name: #default)
    });
    let unknown = structure
        .unknown_tags
        .map(|name| quote!(#name: ::core::default::Default::default()));
    let fields = fields.chain(unknown);
    quote! {
        impl ::core::default::Default for #ident {
            fn default() -> Self {
                Self { #(#fields),* }
            }
        }
    }
}

fn reflect(ident: &Ident, structure: &StructureFields<'_>) -> TokenStream {
    use syn::ext::IdentExt;
    let fields = structure.fields.iter().map(|field| {
        let (name, ty, default) = (field.name, field.ty, field.default_value());
        let json_name = camel_case(&name.unraw().to_string());
        let present = field.versions.condition().unwrap_or_else(|| quote!(true));
        let tagged = field.tag.is_some();
        quote! {
            visit(::thalweg_protocol::reflect::Field {
                name: #json_name,
                present: #present,
                tagged: #tagged,
                is_default: {
                    let default: #ty = #default;
                    self.#name == default
                },
                value: &mut self.#name,
            });
        }
    });
    let unknown = match structure.unknown_tags {
        Some(name) => quote!(Some(&mut self.#name)),
        None => quote!(None),
    };
    quote! {
        impl ::thalweg_protocol::reflect::Reflect for #ident {
            fn fields(
                &mut self,
                version: i16,
                visit: &mut dyn FnMut(::thalweg_protocol::reflect::Field<'_>),
            ) {
                let _ = version;
                #(#fields)*
            }

            fn unknown_tags(&mut self) -> Option<&mut ::thalweg_protocol::UnknownTags> {
                #unknown
            }
        }
    }
}

/// `max_wait_ms` as Kafka's JSON spells it: `maxWaitMs`.
fn camel_case(snake: &str) -> String {
    let mut words = snake.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|c| c.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}
