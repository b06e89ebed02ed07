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
    /// The paths of this crate that it names, from the crate's root: `controller::queue::Priority`. What only its tests name is left out.
    pub names: BTreeSet<String>,
    /// Every word of its code and its docstrings, but for its tests'.
    pub words: BTreeSet<String>,
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
        let is_root = matches!(&parts[..], [one] if one == "lib" || one == "main");
        let mut seen = Reader { at: if is_root { Vec::new() } else { parts.clone() }, ..Reader::default() };
        seen.visit_file(&syntax);
        let public_types = syntax.items.iter().filter_map(public_type).collect();
        found.insert(parts.join("::"), Module { file, text, names: seen.names, words: seen.words, public_types });
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
struct Reader {
    /// Where the module is, from the crate's root.
    at: Vec<String>,
    names: BTreeSet<String>,
    words: BTreeSet<String>,
}

impl Reader {
    /// Keeps a path of this crate, wherever it begins.
    fn keep(&mut self, parts: &[String]) {
        let rest = |above: usize, path: &[String]| [&self.at[..self.at.len().saturating_sub(above)], path].concat();
        let path = match parts.split_first() {
            Some((root, path)) if root == "crate" => path.to_vec(),
            Some((root, path)) if root == "self" => rest(0, path),
            Some((root, path)) if root == "super" => rest(1, path),
            _ => return,
        };
        let path: Vec<_> = path.into_iter().filter(|part| part != "self").collect();
        if !path.is_empty() {
            self.names.insert(path.join("::"));
        }
    }

    fn leaves(&mut self, tree: &UseTree, before: &mut Vec<String>) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.leaves(&path.tree, before);
                before.pop();
            }
            UseTree::Name(name) => self.keep(&[&before[..], &[name.ident.to_string()]].concat()),
            // By another name the crate could not be followed.
            UseTree::Rename(name) if before.is_empty() => drop(self.names.insert(format!("{} as {}", name.ident, name.rename))),
            UseTree::Rename(name) => self.keep(&[&before[..], &[name.ident.to_string()]].concat()),
            UseTree::Glob(_) => self.keep(before),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.leaves(tree, before)),
        }
    }

    /// Macros are not parsed: their tokens are looked through.
    fn in_tokens(&mut self, tokens: &str) {
        self.in_text(tokens);
        let tokens = tokens.replace(' ', "");
        for root in ["crate::", "self::", "super::"] {
            for (at, _) in tokens.match_indices(root) {
                let rest = tokens[at..].split(|next: char| !(next.is_alphanumeric() || next == '_' || next == ':')).next();
                let parts: Vec<_> = rest.unwrap_or_default().split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
                self.keep(&parts);
            }
        }
    }

    fn in_text(&mut self, text: &str) {
        let words = text.split(|next: char| !(next.is_alphanumeric() || next == '_'));
        self.words.extend(words.filter(|word| !word.is_empty()).map(str::to_owned));
    }
}

impl<'ast> Visit<'ast> for Reader {
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
        self.leaves(&item.tree, &mut Vec::new());
        visit::visit_item_use(self, item);
    }

    fn visit_path(&mut self, path: &'ast CodePath) {
        let parts: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.keep(&parts);
        visit::visit_path(self, path);
    }

    fn visit_ident(&mut self, ident: &'ast syn::Ident) {
        self.words.insert(ident.to_string());
    }

    fn visit_lit_str(&mut self, text: &'ast syn::LitStr) {
        self.in_text(&text.value());
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        self.in_tokens(&item.tokens.to_string());
        visit::visit_macro(self, item);
    }

    fn visit_item_macro(&mut self, item: &'ast ItemMacro) {
        self.in_tokens(&item.mac.tokens.to_string());
    }
}

#[test]
fn a_path_is_followed_from_wherever_it_begins() {
    let mut seen = Reader { at: vec!["kinds".to_owned(), "one".to_owned()], ..Reader::default() };
    let code = "
        use super::another::plan;
        use self::{admit::Admitted, observe};
        use crate as everything;
        fn wait() { crate::clock::now(); told!(super::third::wake(1) as Told); }
        #[cfg(test)]
        mod tests { use crate::cluster::Place; }
        fn after(kind: CloudAccount) {}
    ";
    seen.visit_file(&syn::parse_file(code).expect("it is Rust"));
    let expected = [
        "clock::now",
        "crate as everything",
        "kinds::another::plan",
        "kinds::one::admit::Admitted",
        "kinds::one::observe",
        "kinds::third::wake",
    ];
    assert_eq!(seen.names.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    assert!(seen.words.contains("CloudAccount") && seen.words.contains("Told") && !seen.words.contains("Place"), "{:?}", seen.words);
}
