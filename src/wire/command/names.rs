//! Counts the names in large JSON objects, to detect duplicates: the parser keeps only one value per name.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};

/// The number of names in `resume.last`, duplicates included.
pub fn in_resume(text: &[u8]) -> Option<usize> {
    struct Names(usize);

    impl<'de> Deserialize<'de> for Names {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Count;

            impl<'de> Visitor<'de> for Count {
                type Value = Names;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("an object")
                }

                fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
                    let mut names = Names(0);
                    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                        names.0 += 1;
                    }
                    Ok(names)
                }
            }

            deserializer.deserialize_map(Count)
        }
    }

    #[derive(Deserialize)]
    struct Resume {
        last: Names,
    }

    #[derive(Deserialize)]
    struct Subscribe {
        resume: Resume,
    }

    serde_json::from_slice::<Subscribe>(text).ok().map(|command| command.resume.last.0)
}
