//! Lists of resource groups, and how long operations on resources end.

use crate::bench::{Bench, arm_url, call, dps_body, dps_path, hub_body, hub_path};
use serde_json::{Value, json};

/// Follows a list to its end; gives the names on each of its pages.
async fn pages(bench: &Bench, asked: &str) -> Vec<Vec<String>> {
    let bearer = format!("Bearer {}", bench.token);
    let mut url = Some(format!("{}{asked}", arm_url("~/resourcegroups")));
    let mut pages = Vec::new();
    while let Some(next) = url {
        let got = call(&bench.client, "GET", &next, &[("authorization", &bearer)], None).await;
        assert_eq!(got.status, 200, "{next}: {}", got.body);
        let names = got.body["value"].as_array().unwrap().iter().map(|group| group["name"].as_str().unwrap().to_owned());
        pages.push(names.collect());
        url = got.body["nextLink"].as_str().map(str::to_owned);
    }
    pages
}

async fn groups(bench: &Bench) {
    for (name, tags) in [
        ("a", json!({ "Plant": "7" })),
        ("b", json!({ "plant": "8" })),
        ("c", json!({ "plant": "7", "line": "4" })),
        ("d", json!({})),
        ("e", json!({ "PLANT": "7" })),
    ] {
        let body = json!({ "location": "eastus", "tags": tags });
        assert_eq!(bench.arm("PUT", &format!("~/resourcegroups/{name}"), Some(&body)).await.status, 201);
    }
}

#[tokio::test]
async fn groups_are_listed_by_a_tag_and_in_pages_that_keep_to_it() {
    let bench = Bench::new().await;
    groups(&bench).await;
    let of = |names: &[&[&str]]| names.iter().map(|page| page.iter().map(|&name| name.to_owned()).collect()).collect::<Vec<Vec<String>>>();
    assert_eq!(pages(&bench, "").await, of(&[&["a", "b", "c", "d", "e"]]));
    assert_eq!(pages(&bench, "&$top=2").await, of(&[&["a", "b"], &["c", "d"], &["e"]]));
    assert_eq!(pages(&bench, "&$filter=tagName%20eq%20'plant'").await, of(&[&["a", "b", "c", "e"]]));
    let plant_7 = "&$filter=tagName%20eq%20'plant'%20and%20tagValue%20eq%20'7'";
    assert_eq!(pages(&bench, plant_7).await, of(&[&["a", "c", "e"]]));
    assert_eq!(pages(&bench, &format!("{plant_7}&%24top=2")).await, of(&[&["a", "c"], &["e"]]));
    assert_eq!(pages(&bench, "&$filter=tagName%20eq%20'none'").await, of(&[&[]]));
    assert_eq!(bench.simulator.violations(), [""; 0]);

    let bearer = format!("Bearer {}", bench.token);
    for (asked, code) in [("$filter=name%20eq%20'a'", "InvalidFilterInQueryString"), ("$top=0", "InvalidTopInQueryString")] {
        let url = format!("{}&{asked}", arm_url("~/resourcegroups"));
        let got = call(&bench.client, "GET", &url, &[("authorization", &bearer)], None).await;
        assert_eq!((got.status, &got.body["error"]["code"]), (400, &json!(code)));
    }
}

#[tokio::test]
async fn the_location_of_a_change_ends_with_the_resource_and_that_of_a_deletion_with_nothing() {
    let bench = Bench::new().await;
    bench.group().await;
    let bearer = format!("Bearer {}", bench.token);
    let bearer = [("authorization", bearer.as_str())];
    for (path, body) in [(hub_path("hub-a"), hub_body()), (dps_path("dps-a"), dps_body(&json!([])))] {
        let (mut seen, mut last) = (Vec::new(), String::new());
        for (method, body) in [("PUT", Some(body)), ("PATCH", Some(json!({ "tags": { "plant": "7" } }))), ("DELETE", None)] {
            let begun = bench.arm(method, &path, body.as_ref()).await;
            let location = begun.header("location");
            assert_eq!(call(&bench.client, "GET", &location, &bearer, None).await.status, 202, "{method} {path}");
            bench.settle().await;
            let ended = call(&bench.client, "GET", &location, &bearer, None).await;
            assert_eq!(ended.status, 200, "{method} {path}");
            seen.push(ended.body);
            last = location;
        }
        assert_eq!([&seen[0]["tags"], &seen[1]["tags"]], [&json!({}), &json!({ "plant": "7" })]);
        assert_eq!(seen[1]["name"], path.rsplit('/').next().unwrap());
        assert_eq!(seen[2], Value::Null);
        // Also when something else has the name by then.
        let again = json!({ "location": "eastus", "sku": { "name": "S1", "capacity": 1 }, "properties": {} });
        assert_eq!(bench.arm("PUT", &path, Some(&again)).await.status, 201);
        assert_eq!(call(&bench.client, "GET", &last, &bearer, None).await.body, Value::Null);
    }
    assert_eq!(bench.simulator.answer_violations(), [""; 0]);
    assert_eq!(bench.simulator.violations(), [""; 0]);
}
