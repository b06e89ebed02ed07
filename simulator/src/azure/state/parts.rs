//! What each service keeps, known to itself alone.

use std::any::Any;

/// One value of each type.
#[derive(Default)]
pub(crate) struct Parts(Vec<Box<dyn Any + Send>>);

impl Parts {
    /// Puts a service's part in.
    pub fn insert<T: Any + Send>(&mut self, part: T) {
        self.0.push(Box::new(part));
    }

    /// A service's part.
    pub fn get<T: Any>(&self) -> &T {
        self.0.iter().find_map(|part| part.downcast_ref()).expect("every service makes its part at the start")
    }

    /// A service's part, to be changed.
    pub fn get_mut<T: Any>(&mut self) -> &mut T {
        self.0.iter_mut().find_map(|part| part.downcast_mut()).expect("every service makes its part at the start")
    }
}
