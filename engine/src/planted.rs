//! Mistakes that can be switched on, to show that the simulator finds them.
//!
//! With the feature `planted`, `planted!(Name)` is true while that mistake is
//! switched on in this thread; without it, it is `false` and nothing is left of
//! it. No release is built with the feature.

#[cfg(feature = "planted")]
use std::cell::Cell;

#[cfg(feature = "planted")]
macro_rules! mistakes {
    ($($(#[doc = $doc:literal])* $name:ident,)+) => {
        /// A mistake that is not there unless it is switched on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Mistake { $($(#[doc = $doc])* $name,)+ }

        impl Mistake {
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }

            /// What the product does wrong while it is on.
            #[must_use]
            pub fn what(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),*).trim_ascii(),)+ }
            }
        }
    };
}

#[cfg(feature = "planted")]
mistakes! {
    /// A reply does not wait for its record.
    AnswerBeforeDurable,
    /// A durable group releases the replies of the next one too.
    ReleaseNextGroup,
}

#[cfg(feature = "planted")]
thread_local! {
    static ON: Cell<Option<Mistake>> = const { Cell::new(None) };
}

/// Switches one mistake on in this thread, or all off.
#[cfg(feature = "planted")]
pub fn plant(mistake: Option<Mistake>) {
    ON.set(mistake);
}

/// True while a mistake is on.
#[cfg(feature = "planted")]
#[must_use]
pub fn is_on(mistake: Mistake) -> bool {
    ON.get() == Some(mistake)
}

#[cfg(feature = "planted")]
macro_rules! planted {
    ($mistake:ident) => {
        $crate::planted::is_on($crate::planted::Mistake::$mistake)
    };
}

#[cfg(not(feature = "planted"))]
macro_rules! planted {
    ($mistake:ident) => {
        false
    };
}

pub(crate) use planted;
