//! The one list of kinds, and what follows from it: their names, their definitions, and macros that visit each of them.
//!
//! A kind that is added here is watched, cached, reconciled, granted by RBAC, and part of every test that speaks of all kinds.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{CustomResourceDefinition, JSON};
use kube::CustomResourceExt;
use serde_json::json;

use crate::{CloudAccount, DeviceCredential, EnrollmentGroup, ProvisioningService, TenantHubGroup};

/// An API type that is on the list.
pub trait Listed {
    /// Its kind.
    const KIND: KindName;
}

macro_rules! kinds {
    // A macro that writes macros has no dollar sign of its own: it is handed one.
    ($dollar:tt $($kind:ident),+ $(,)?) => {
        /// The kinds of this API group.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum KindName {
            $(
                #[doc = concat!("`", stringify!($kind), "`")]
                $kind,
            )+
        }

        impl KindName {
            /// All of them, in the order in which objects are usually applied.
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            /// The kind as it is written in YAML.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => stringify!($kind),)+
                }
            }

            /// Its definition, as it is installed.
            pub fn definition(self) -> CustomResourceDefinition {
                kept_by_helm(unseen_until_looked_at(match self {
                    $(Self::$kind => <$kind as CustomResourceExt>::crd(),)+
                }))
            }
        }

        $(
            impl Listed for $kind {
                const KIND: KindName = KindName::$kind;
            }
        )+

        /// Evaluates an expression with the API type of a kind that is known only at run time:
        /// `with_kind!(name, |K| K::url_path(&(), None))`.
        #[macro_export]
        macro_rules! with_kind {
            ($dollar name:expr, |$dollar kind:ident| $dollar body:expr) => {
                match $dollar name {
                    $(
                        $crate::KindName::$kind => {
                            type $dollar kind = $crate::$kind;
                            $dollar body
                        }
                    )+
                }
            };
        }

        /// Passes the API type of every kind to a macro: `for_each_kind!(caches)` is `caches! { CloudAccount, … }`.
        #[macro_export]
        macro_rules! for_each_kind {
            ($dollar visitor:ident) => {
                $dollar visitor! { $($kind),+ }
            };
        }
    };
}

kinds! { $
    CloudAccount,
    ProvisioningService,
    TenantHubGroup,
    EnrollmentGroup,
    DeviceCredential,
}

impl KindName {
    /// The kind of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text)
    }
}

impl std::fmt::Display for KindName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The definitions of all kinds, as they are installed.
pub fn all() -> Vec<CustomResourceDefinition> {
    KindName::ALL.iter().map(|kind| kind.definition()).collect()
}

/// A definition that goes takes all objects with it: it stays when the chart that installed it is uninstalled.
fn kept_by_helm(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    crd.metadata.annotations.get_or_insert_default().insert("helm.sh/resource-policy".to_owned(), "keep".to_owned());
    crd
}

/// Gives `status` a default, because kstatus calls an object without `observedGeneration` current.
fn unseen_until_looked_at(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut crd.spec.versions {
        let status = version
            .schema
            .as_mut()
            .and_then(|schema| schema.open_api_v3_schema.as_mut())
            .and_then(|schema| schema.properties.as_mut())
            .and_then(|properties| properties.get_mut("status"));
        if let Some(status) = status {
            status.default = Some(JSON(json!({ "observedGeneration": -1 })));
            status.nullable = None;
            status.description = Some("What the operator saw.".to_owned());
        }
    }
    crd
}
