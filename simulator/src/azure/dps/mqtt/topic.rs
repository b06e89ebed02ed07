//! The topics that a provisioning service knows.

use crate::engine::mqtt::topic::{halves, named};

/// A message to a provisioning service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ToProvisioning {
    Register { request_id: String },
    Poll { request_id: String, operation: String },
}

/// What a device may listen to at a provisioning service.
pub(crate) const PROVISIONING_ANSWERS: &str = "$dps/registrations/res/#";

impl ToProvisioning {
    pub fn read(topic: &str) -> Option<Self> {
        let (path, pairs) = halves(topic)?;
        let request_id = named(&pairs, "$rid")?;
        match path {
            "$dps/registrations/PUT/iotdps-register" => Some(Self::Register { request_id }),
            "$dps/registrations/GET/iotdps-get-operationstatus" => {
                Some(Self::Poll { request_id, operation: named(&pairs, "operationId")? })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ToProvisioning;

    #[test]
    fn a_registration_and_its_poll_name_the_request_that_they_are() {
        let read = ToProvisioning::read;
        let register = read("$dps/registrations/PUT/iotdps-register/?$rid=7");
        assert_eq!(register, Some(ToProvisioning::Register { request_id: "7".to_owned() }));
        let poll = read("$dps/registrations/GET/iotdps-get-operationstatus/?$rid=8&operationId=5.a.b");
        assert_eq!(poll, Some(ToProvisioning::Poll { request_id: "8".to_owned(), operation: "5.a.b".to_owned() }));
        assert_eq!(read("$dps/registrations/GET/iotdps-get-operationstatus/?$rid=8"), None);
        assert_eq!(read("$dps/registrations/PUT/iotdps-register/"), None);
    }
}
