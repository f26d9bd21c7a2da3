//! Every story that once found something, again: nothing of it may come back.

use std::fs;
use std::path::Path;

use holdfast_sim::shrink::run_steps;
use holdfast_sim::story::Story;

#[test]
fn what_was_found_once_stays_mended() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/found");
    let mut stories = 0;
    for entry in fs::read_dir(folder).expect("the folder of stories") {
        let path = entry.expect("a readable folder").path();
        let text = fs::read_to_string(&path).expect("a readable story");
        let story: Story = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        if let Err(found) = run_steps(story.world, &story.steps) {
            panic!("{}: step {}: {}", path.display(), found.step, found.wrong.0);
        }
        stories += 1;
    }
    assert!(stories >= 8, "only {stories} stories were found to run");
}
