//! The modules of a crate, and which of them name which: read from the syntax, in `use` lines and in every other path.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::Context as _;
use syn::visit::{self, Visit};
use syn::{Item, ItemMacro, Path as CodePath, UseTree, Visibility};

use crate::repository::{files, read};

/// A module, as its file has it.
#[derive(Debug, Default)]
pub struct Module {
    /// The file, from the root of the repository.
    pub file: PathBuf,
    /// What it says.
    pub text: String,
    /// The paths of this crate that it names, without `crate`: `controller::queue::Priority`. What only its tests name is left out.
    pub names: BTreeSet<String>,
    /// The types that it makes public.
    pub public_types: Vec<String>,
}

/// The modules below a folder of sources, by their path: `controller::queue`.
///
/// # Errors
/// A file is not to be read, or is no Rust.
pub fn modules(source: &str) -> anyhow::Result<BTreeMap<String, Module>> {
    let mut found = BTreeMap::new();
    for file in files()? {
        let Ok(inside) = file.strip_prefix(source) else { continue };
        if inside.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let parts: Vec<_> = inside.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
        // What only tests use may look anywhere.
        if parts.iter().any(|part| part == "tests" || part == "linter") {
            continue;
        }
        let text = read(&file)?;
        let syntax = syn::parse_file(&text).with_context(|| format!("{} is no Rust", file.display()))?;
        let mut names = Names::default();
        names.visit_file(&syntax);
        let public_types = syntax.items.iter().filter_map(public_type).collect();
        found.insert(parts.join("::"), Module { file, text, names: names.0, public_types });
    }
    Ok(found)
}

fn public_type(item: &Item) -> Option<String> {
    let (visibility, name) = match item {
        Item::Struct(item) => (&item.vis, &item.ident),
        Item::Enum(item) => (&item.vis, &item.ident),
        Item::Trait(item) => (&item.vis, &item.ident),
        _ => return None,
    };
    matches!(visibility, Visibility::Public(_)).then(|| name.to_string())
}

#[derive(Default)]
struct Names(BTreeSet<String>);

impl<'ast> Visit<'ast> for Names {
    fn visit_item(&mut self, item: &'ast Item) {
        let tests = |attribute: &syn::Attribute| {
            attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Ident>().is_ok_and(|what| what == "test")
        };
        let attributes = match item {
            Item::Mod(item) => &item.attrs[..],
            Item::Use(item) => &item.attrs[..],
            Item::Fn(item) => &item.attrs[..],
            _ => &[],
        };
        if !attributes.iter().any(tests) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        leaves(&item.tree, &mut Vec::new(), &mut self.0);
    }

    fn visit_path(&mut self, path: &'ast CodePath) {
        let parts: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        keep(&parts, &mut self.0);
        visit::visit_path(self, path);
    }

    /// Macros are not parsed: their tokens are looked through for paths.
    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        in_tokens(&item.tokens.to_string(), &mut self.0);
        visit::visit_macro(self, item);
    }

    fn visit_item_macro(&mut self, item: &'ast ItemMacro) {
        in_tokens(&item.mac.tokens.to_string(), &mut self.0);
    }
}

fn in_tokens(tokens: &str, names: &mut BTreeSet<String>) {
    let tokens = tokens.replace(' ', "");
    for (at, root) in tokens.match_indices("crate::") {
        let rest = &tokens[at + root.len()..];
        let path = rest.split(|next: char| !(next.is_alphanumeric() || next == '_' || next == ':')).next().unwrap_or_default();
        names.insert(path.trim_end_matches(':').to_owned());
    }
}

fn leaves(tree: &UseTree, before: &mut Vec<String>, names: &mut BTreeSet<String>) {
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            leaves(&path.tree, before, names);
            before.pop();
        }
        UseTree::Name(name) => keep(&[&before[..], &[name.ident.to_string()]].concat(), names),
        UseTree::Rename(name) => keep(&[&before[..], &[name.ident.to_string()]].concat(), names),
        UseTree::Glob(_) => keep(before, names),
        UseTree::Group(group) => group.items.iter().for_each(|tree| leaves(tree, before, names)),
    }
}

fn keep(parts: &[String], names: &mut BTreeSet<String>) {
    if let Some((root, path)) = parts.split_first().filter(|(root, path)| *root == "crate" && !path.is_empty()) {
        let _ = root;
        names.insert(path.iter().filter(|part| *part != "self").cloned().collect::<Vec<_>>().join("::"));
    }
}
