//! The tree of modules of `src`, parsed: what each file declares, and which files it takes names from.
//!
//! A path is followed through the modules, and through what they import or hand on, to the file that declares the name:
//! so a child that takes a type of its sister by way of their parent depends on the sister. There are two roots: the
//! library, and the program, which calls the library by its name. What a file only hands on
//! (`pub use`) it does not use itself. Code that tests alone are built with does not count.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Attribute, Item, ItemUse, Macro, Path, UseTree, Visibility,
    visit::{self, Visit},
};

use super::{files, read};

/// The library's name: `crate` of the first root, as the program calls it.
const LIBRARY: &str = "tickcast";

/// All modules, files and those within files, by their index.
pub struct Modules {
    all: Vec<Module>,
    /// The texts of the files, by their paths.
    texts: BTreeMap<String, String>,
}

struct Module {
    /// The file that has it.
    file: String,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    /// Names that are imported, and their paths.
    aliases: BTreeMap<String, Vec<String>>,
    /// Paths whose names are all imported.
    globs: Vec<Vec<String>>,
    /// Names of everything that is declared here, and whether it is a type.
    declared: Vec<(String, bool)>,
    /// Paths that the module's own code names.
    named: Vec<Vec<String>>,
}

impl Modules {
    /// Parses all of `src`.
    pub fn parse() -> Self {
        Self::of_texts(files("src", "rs").into_iter().map(|path| (read(&path), path)))
    }

    /// Parses files that are given, paths first.
    pub fn of(texts: &[(&str, &str)]) -> Self {
        Self::of_texts(texts.iter().map(|(path, text)| ((*text).to_owned(), (*path).to_owned())))
    }

    fn of_texts(texts: impl Iterator<Item = (String, String)>) -> Self {
        let texts = texts.map(|(text, path)| (path, text)).collect();
        let mut modules = Modules { all: Vec::new(), texts };
        for root in ["src/lib.rs", "src/main.rs"] {
            if modules.texts.contains_key(root) {
                modules.add_file(root, "src", None);
            }
        }
        modules
    }

    /// The root that a module hangs from.
    fn root_of(&self, mut here: usize) -> usize {
        while let Some(parent) = self.all[here].parent {
            here = parent;
        }
        here
    }

    /// The files that a root reaches.
    pub fn files(&self) -> BTreeSet<&str> {
        self.all.iter().map(|module| module.file.as_str()).collect()
    }

    /// Parses a file; its children's files are in `directory`.
    fn add_file(&mut self, path: &str, directory: &str, parent: Option<usize>) -> usize {
        let file = syn::parse_file(&self.texts[path]).unwrap_or_else(|error| panic!("{path}: {error}"));
        self.add(path, directory, parent, &file.items)
    }

    fn add(&mut self, path: &str, directory: &str, parent: Option<usize>, items: &[Item]) -> usize {
        let here = self.all.len();
        self.all.push(Module {
            file: path.to_owned(),
            parent,
            children: BTreeMap::new(),
            aliases: BTreeMap::new(),
            globs: Vec::new(),
            declared: Vec::new(),
            named: Vec::new(),
        });
        let mut names = Names::default();
        for item in items.iter().filter(|item| !is_of_tests(attributes(item))) {
            match item {
                Item::Mod(module) => {
                    let name = module.ident.to_string();
                    let below = format!("{directory}/{name}");
                    let child = match &module.content {
                        Some((_, items)) => self.add(path, &below, Some(here), items),
                        None => {
                            let file = [format!("{below}.rs"), format!("{below}/mod.rs")];
                            let file = file.iter().find(|file| self.texts.contains_key(*file));
                            self.add_file(file.unwrap_or_else(|| panic!("no {below}")), &below, Some(here))
                        }
                    };
                    self.all[here].children.insert(name, child);
                }
                Item::Use(import) => self.all[here].import(import),
                other => {
                    if let Some(declared) = declaration(other) {
                        self.all[here].declared.push(declared);
                    }
                    names.visit_item(other);
                }
            }
        }
        self.all[here].named.extend(names.0);
        here
    }

    /// The names of types, and the files that declare each.
    pub fn types(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for module in &self.all {
            for (name, _) in module.declared.iter().filter(|(_, is_type)| *is_type) {
                found.entry(name).or_default().push(&module.file);
            }
        }
        found
    }

    /// Which files each file takes names from.
    pub fn imports(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut found: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (here, module) in self.all.iter().enumerate() {
            let imports = found.entry(&module.file).or_default();
            for path in &module.named {
                if let Some(there) = self.resolve(here, path, 0)
                    && self.all[there].file != module.file
                {
                    imports.insert(&self.all[there].file);
                }
            }
        }
        found
    }

    /// The module that declares what a path names; `None` for what is not of this tree, and for a module itself.
    fn resolve(&self, from: usize, path: &[String], depth: usize) -> Option<usize> {
        let (mut here, mut rest) = (from, path);
        while let Some((first, after)) = rest.split_first() {
            rest = after;
            here = match first.as_str() {
                "crate" => self.root_of(here),
                LIBRARY if self.root_of(here) != 0 => 0,
                "self" => here,
                "super" => self.all[here].parent?,
                name => match self.all[here].children.get(name) {
                    Some(child) => *child,
                    // What a macro declares is not seen: it is where the path says.
                    None => {
                        let found = self.declares(here, name, after, depth);
                        return found.or((here != from).then_some(here));
                    }
                },
            };
        }
        None
    }

    /// The module that declares a name which is visible in this one, but is not a child of it.
    fn declares(&self, here: usize, name: &str, after: &[String], depth: usize) -> Option<usize> {
        let module = &self.all[here];
        // Names that are imported in a round: none that compiles is this deep.
        if depth > 8 {
            return None;
        }
        if module.declared.iter().any(|(declared, _)| declared == name) {
            return Some(here);
        }
        let follow = |path: &[String]| {
            let whole: Vec<String> = path.iter().chain(after).cloned().collect();
            self.resolve(here, &whole, depth + 1)
        };
        if let Some(path) = module.aliases.get(name) {
            return follow(path);
        }
        module.globs.iter().find_map(|glob| {
            let path: Vec<String> = glob.iter().cloned().chain([name.to_owned()]).collect();
            follow(&path)
        })
    }
}

// === impl Module ===

impl Module {
    fn import(&mut self, import: &ItemUse) {
        let mut leaves = Vec::new();
        collect_leaves(&import.tree, &mut Vec::new(), &mut leaves);
        let hands_on = !matches!(import.vis, Visibility::Inherited);
        for (name, path) in leaves {
            // A name of this module itself would lead back to itself.
            if !hands_on {
                self.named.push(path.clone());
            }
            match name {
                Some(name) => drop(self.aliases.insert(name, path)),
                None => self.globs.push(path),
            }
        }
    }
}

/// The paths of a tree of imports, each with the name that it has here; none is a glob.
fn collect_leaves(tree: &UseTree, head: &mut Vec<String>, leaves: &mut Vec<(Option<String>, Vec<String>)>) {
    let mut leaf = |name: String, alias: String| {
        let path: Vec<String> = head.iter().cloned().chain((name != "self").then(|| name.clone())).collect();
        let alias = if alias == "self" { path.last().cloned().unwrap_or_default() } else { alias };
        leaves.push((Some(alias), path));
    };
    match tree {
        UseTree::Path(path) => {
            head.push(path.ident.to_string());
            collect_leaves(&path.tree, head, leaves);
            head.pop();
        }
        UseTree::Name(name) => leaf(name.ident.to_string(), name.ident.to_string()),
        UseTree::Rename(renamed) => leaf(renamed.ident.to_string(), renamed.rename.to_string()),
        UseTree::Glob(_) => leaves.push((None, head.clone())),
        UseTree::Group(group) => {
            for tree in &group.items {
                collect_leaves(tree, head, leaves);
            }
        }
    }
}

/// Collects the paths that code names.
#[derive(Default)]
struct Names(Vec<Vec<String>>);

impl<'ast> Visit<'ast> for Names {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_of_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_path(&mut self, path: &'ast Path) {
        self.0.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_item_use(&mut self, import: &'ast ItemUse) {
        let mut leaves = Vec::new();
        collect_leaves(&import.tree, &mut Vec::new(), &mut leaves);
        self.0.extend(leaves.into_iter().map(|(_, path)| path));
    }

    /// What a macro is given is tokens.
    fn visit_macro(&mut self, call: &'ast Macro) {
        self.visit_path(&call.path);
        self.take_tokens(call.tokens.clone());
    }
}

impl Names {
    fn take_tokens(&mut self, tokens: TokenStream) {
        let (mut path, mut joined): (Vec<String>, usize) = (Vec::new(), 0);
        for token in tokens {
            match token {
                TokenTree::Ident(word) => {
                    if joined < 2 {
                        self.0.push(std::mem::take(&mut path));
                    }
                    path.push(word.to_string());
                    joined = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => joined += 1,
                other => {
                    self.0.push(std::mem::take(&mut path));
                    joined = 0;
                    if let TokenTree::Group(group) = other {
                        self.take_tokens(group.stream());
                    }
                }
            }
        }
        self.0.push(path);
    }
}

/// What an item declares, and whether that is a type.
fn declaration(item: &Item) -> Option<(String, bool)> {
    Some(match item {
        Item::Struct(item) => (item.ident.to_string(), true),
        Item::Enum(item) => (item.ident.to_string(), true),
        Item::Union(item) => (item.ident.to_string(), true),
        Item::Trait(item) => (item.ident.to_string(), true),
        Item::Type(item) => (item.ident.to_string(), true),
        Item::Fn(item) => (item.sig.ident.to_string(), false),
        Item::Const(item) => (item.ident.to_string(), false),
        Item::Static(item) => (item.ident.to_string(), false),
        Item::Macro(item) => (item.ident.as_ref()?.to_string(), false),
        _ => return None,
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Struct(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Const(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether it is built for tests alone.
fn is_of_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let syn::Meta::List(list) = &attribute.meta else { return false };
        let words = list.tokens.to_string();
        list.path.is_ident("cfg")
            && (words == "test" || words.starts_with("all(test,") || words.starts_with("all (test ,"))
    })
}
