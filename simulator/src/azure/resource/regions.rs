//! Azure regions and how far apart they are.

use crate::azure::clouds::AzureCloud;

/// Name, latitude and longitude in degrees.
const REGIONS: [(&str, f64, f64); 28] = [
    ("eastus", 37.4, -79.4),
    ("eastus2", 36.7, -78.4),
    ("centralus", 41.6, -93.6),
    ("northcentralus", 41.9, -87.6),
    ("southcentralus", 29.4, -98.5),
    ("westus", 37.8, -122.4),
    ("westus2", 47.2, -119.9),
    ("canadacentral", 43.7, -79.4),
    ("brazilsouth", -23.6, -46.6),
    ("northeurope", 53.3, -6.3),
    ("westeurope", 52.4, 4.9),
    ("uksouth", 50.9, -0.8),
    ("francecentral", 46.4, 2.4),
    ("germanywestcentral", 50.1, 8.7),
    ("swedencentral", 60.7, 17.1),
    ("centralindia", 18.6, 73.9),
    ("southeastasia", 1.3, 103.8),
    ("eastasia", 22.3, 114.2),
    ("japaneast", 35.7, 139.8),
    ("koreacentral", 37.6, 127.0),
    ("australiaeast", -33.9, 151.2),
    ("southafricanorth", -25.7, 28.2),
    ("usgovvirginia", 37.4, -79.4),
    ("usgovarizona", 33.4, -112.1),
    ("usgovtexas", 29.4, -98.5),
    ("chinanorth3", 40.6, 115.1),
    ("chinaeast2", 31.2, 121.5),
    ("chinaeast3", 32.1, 118.8),
];

fn place(name: &str) -> Option<(f64, f64)> {
    REGIONS.iter().find(|(region, _, _)| *region == name).map(|(_, latitude, longitude)| (latitude.to_radians(), longitude.to_radians()))
}

/// The canonical name of a region: `East US` is `eastus`.
pub(crate) fn region_name(location: &str) -> String {
    location.chars().filter(|letter| !letter.is_whitespace()).collect::<String>().to_lowercase()
}

/// Whether a cloud has such a region.
pub(crate) fn known_region(location: &str, cloud: AzureCloud) -> bool {
    known(&region_name(location)) && cloud_of(location) == cloud
}

/// The cloud that a region is in.
pub(crate) fn cloud_of(location: &str) -> AzureCloud {
    match region_name(location) {
        name if name.starts_with("usgov") => AzureCloud::Government,
        name if name.starts_with("china") => AzureCloud::China,
        _ => AzureCloud::Public,
    }
}

fn known(name: &str) -> bool {
    place(name).is_some()
}

/// The round trip between two regions in milliseconds: light in glass over the great circle, with
/// half of the way again for the detours of real cables.
pub(crate) fn latency(from: &str, to: &str) -> f64 {
    const EARTH_KM: f64 = 6_371.0;
    const KM_PER_MS: f64 = 200.0;
    let (Some((lat_a, lon_a)), Some((lat_b, lon_b))) = (place(from), place(to)) else {
        return f64::INFINITY;
    };
    let half = |delta: f64| (delta / 2.0).sin().powi(2);
    let h = half(lat_b - lat_a) + lat_a.cos() * lat_b.cos() * half(lon_b - lon_a);
    let kilometres = 2.0 * EARTH_KM * h.sqrt().min(1.0).asin();
    2.0 + kilometres * 2.0 * 1.5 / KM_PER_MS
}
