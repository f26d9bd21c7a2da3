//! The vault: documents come back to their merchant, and to nobody else.

use std::fs;
use std::path::PathBuf;

use holdfast_engine::vault::{Vault, VaultError};

const DOCUMENT: &[u8] = "收件人 王小明 13800138000 张江路123号".as_bytes();

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("holdfast-vault-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    path
}

#[test]
fn documents_survive_reopening_and_rotation_and_never_stand_in_clear() {
    let root = folder("life");
    let (documents, ring) = (root.join("documents"), root.join("keys/ring.json"));
    let vault = Vault::open(&documents, None, &ring).expect("new");
    let first = vault.seal("shop", DOCUMENT).expect("sealed");
    vault.sync().expect("synced");
    assert_eq!(vault.rotate().expect("rotated"), 2);
    let second = vault.seal("shop", DOCUMENT).expect("sealed");
    vault.sync().expect("synced");
    drop(vault);
    let bytes = fs::read(documents.join("documents.vault")).expect("a file");
    for clear in ["13800138000", "王小明", "张江路"] {
        assert!(
            !bytes
                .windows(clear.len())
                .any(|window| window == clear.as_bytes()),
            "{clear} stands in clear"
        );
    }
    let vault = Vault::open(&documents, None, &ring).expect("again");
    for reference in [first, second] {
        assert_eq!(
            vault.open_document("shop", &reference).expect("opened"),
            DOCUMENT
        );
        assert!(matches!(
            vault.open_document("other", &reference),
            Err(VaultError::Forged)
        ));
    }
    vault.erase(&first).expect("erased");
    assert!(matches!(
        vault.open_document("shop", &first),
        Err(VaultError::Erased)
    ));
    assert_eq!(
        vault.open_document("shop", &second).expect("opened"),
        DOCUMENT
    );
    fs::remove_file(&ring).expect("the ring is lost");
    let refused =
        Vault::open(&documents, None, &ring).expect_err("no ring is made beside documents");
    assert!(refused.to_string().contains("it is missing"), "{refused}");
    assert!(!ring.exists(), "a refused start leaves nothing behind");
    fs::rename(documents.join("documents.vault"), root.join("lost")).expect("moved away");
    let vault = Vault::open(&documents, None, &ring).expect("a new ring");
    assert!(
        vault.open_document("shop", &second).is_err(),
        "another key opens nothing"
    );
}

#[test]
fn a_changed_document_is_found_and_a_torn_one_is_not_in_the_way() {
    let root = folder("torn");
    let (documents, ring) = (root.join("documents"), root.join("keys/ring.json"));
    let vault = Vault::open(&documents, None, &ring).expect("new");
    let first = vault.seal("shop", DOCUMENT).expect("sealed");
    let second = vault.seal("shop", DOCUMENT).expect("sealed");
    vault.sync().expect("synced");
    drop(vault);
    let path = documents.join("documents.vault");
    let bytes = fs::read(&path).expect("a file");
    fs::write(&path, &bytes[..bytes.len() - 3]).expect("torn");
    let vault = Vault::open(&documents, None, &ring).expect("opened");
    assert_eq!(
        vault.open_document("shop", &first).expect("whole"),
        DOCUMENT
    );
    assert!(matches!(
        vault.open_document("shop", &second),
        Err(VaultError::Damaged(_))
    ));
    let third = vault.seal("shop", DOCUMENT).expect("sealed behind it");
    assert_eq!(
        vault.open_document("shop", &third).expect("whole"),
        DOCUMENT
    );
    drop(vault);
    let mut flipped = bytes;
    flipped[150] ^= 1;
    fs::write(&path, &flipped).expect("changed");
    let vault = Vault::open(&documents, None, &ring).expect("opened");
    assert!(vault.open_document("shop", &first).is_err());
    let _ = fs::remove_dir_all(&root);
}

#[test]
fn what_one_copy_of_the_documents_lost_comes_back_from_the_other() {
    let root = folder("copies");
    let (first, mirror, ring) = (root.join("a"), root.join("b"), root.join("keys/ring.json"));
    let open = || Vault::open(&first, Some(&mirror), &ring).expect("opened");
    let vault = open();
    let references: Vec<_> = (0..3)
        .map(|_| vault.seal("shop", DOCUMENT).expect("sealed"))
        .collect();
    vault.sync().expect("synced");
    let read_all = |vault: &Vault| {
        for reference in &references {
            assert_eq!(
                vault.open_document("shop", reference).expect("whole"),
                DOCUMENT
            );
        }
    };
    let paths = [
        first.join("documents.vault"),
        mirror.join("documents.vault"),
    ];
    let bytes = fs::read(&paths[0]).expect("a file");
    assert_eq!(fs::read(&paths[1]).expect("a file"), bytes);
    for path in &paths {
        for at in 0..bytes.len() {
            let mut rotten = bytes.clone();
            rotten[at] ^= 1 << (at % 8);
            fs::write(path, &rotten).expect("changed");
            read_all(&vault);
            let mended = references
                .iter()
                .filter(|reference| vault.scrub(reference).expect("one copy is whole"));
            assert_eq!(mended.count(), 1, "byte {at}");
            assert_eq!(fs::read(path).expect("a file"), bytes);
        }
    }
    drop(vault);
    // One copy is short, or gone.
    fs::write(&paths[0], &bytes[..bytes.len() / 2]).expect("cut");
    fs::remove_file(&paths[1]).expect("gone");
    fs::write(&paths[1], &bytes).expect("whole");
    read_all(&open());
    fs::remove_dir_all(&mirror).expect("gone");
    read_all(&open());
    assert_eq!(fs::read(&paths[1]).expect("filled again"), bytes);
    for path in &paths {
        let mut rotten = bytes.clone();
        rotten[100] ^= 1;
        fs::write(path, &rotten).expect("changed");
    }
    assert!(matches!(
        open().open_document("shop", &references[0]),
        Err(VaultError::Damaged(0))
    ));
    let _ = fs::remove_dir_all(&root);
}
