//! One shape for the error codes of all crates.

/// Declares the error codes of a crate: each once, with its stable name, its class and its meaning.
///
/// Makes `Code` with everything that is known of a code, and `CODES`, the list of all with their meanings.
///
/// ```
/// intents::error_codes! {
///     /// What can go wrong with tea.
///     Cold, "TEA_COLD", Transient, "the tea is cold";
/// }
/// assert_eq!(Code::Cold.to_string(), CODES[0].0);
/// ```
#[macro_export]
macro_rules! error_codes {
    ($(#[$doc:meta])+ $($code:ident, $name:literal, $class:ident, $meaning:literal;)*) => {
        $(#[$doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $meaning] $code,)*
        }

        impl Code {
            /// The stable name, which is also the name of the page in `docs/errors`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$code => $name,)* }
            }

            /// What a caller may do about it.
            pub const fn class(self) -> $crate::failure::Class {
                match self { $(Self::$code => $crate::failure::Class::$class,)* }
            }

            /// What it means, in one line.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$code => $meaning,)* }
            }
        }

        impl ::std::fmt::Display for Code {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        /// Every code with its meaning.
        pub const CODES: &[(&str, &str)] = &[$(($name, $meaning),)*];
    };
}
