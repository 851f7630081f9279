//! Git, over everything.

use crate::support::World;

fn repository() -> World {
    World::new().repository().file("code", "one\n")
}

/// The run works, and the host agrees that the repository is sound.
#[track_caller]
fn works(world: &World, act: &str) {
    world.permits(act);
    world.host_ok("git fsck --strict && git status");
}

#[test]
fn commits_work() {
    let world = repository();
    works(
        &world,
        "git add -A && git commit -q -m one && echo two >> code && git commit -qam two && git log",
    );
    works(
        &world,
        "git commit -q --amend -m changed && git tag v1 && git diff HEAD~1 && git show --stat",
    );
}

#[test]
fn branches_rebase_and_stash_work() {
    let world = repository();
    works(
        &world,
        "git add -A && git commit -qm base && git switch -qc side && echo s > side && git add side && \
        git commit -qm side && git switch -q main && echo m > main && git add main && git commit -qm main && \
        git switch -q side && git rebase -q main && git switch -q main && git merge -q --no-edit side",
    );
    works(
        &world,
        "echo dirty >> code && git stash -q && git stash pop -q && git checkout -q -- code && git reset -q --hard HEAD~1",
    );
    works(
        &world,
        "git cherry-pick side && git branch -D side && git gc -q",
    );
}

#[test]
fn worktrees_work() {
    let world = repository();
    works(
        &world,
        "git add -A && git commit -qm base && git worktree add -q wt -b wt && cd wt && echo x > x && \
        git add x && git commit -qm x && cd .. && git worktree list && git worktree remove wt",
    );
}

#[test]
fn work_in_a_linked_worktree_works() {
    let world = repository();
    world.host_ok("git worktree add -q ../tree -b side");
    let world = world.at("home/work/tree");
    works(
        &world,
        "echo x > x && git add x && git commit -qm x && git log --oneline && git stash list",
    );
}

#[test]
fn a_submodule_works() {
    let world = repository();
    world.host_ok("git init -q ../other && cd ../other && git config user.name T && git config user.email t@e.example && \
        git commit -q --allow-empty -m o && cd ../app && git -c protocol.file.allow=always submodule add -q ../other lib && git commit -qm lib");
    works(
        &world,
        "git submodule status && cd lib && echo x > x && git add x && \
        git -c user.name=T -c user.email=t@e.example commit -qm x && cd .. && git commit -qam lib",
    );
}

#[test]
fn a_clone_and_a_new_repository_work() {
    let world = repository();
    works(
        &world,
        "git clone -q . /tmp/clone && cd /tmp/clone && git log",
    );
    // In the project too, where what git makes is seen by those who hide and protect.
    works(
        &world,
        "for i in $(seq 400); do echo $i >many$i; done; git add . && git commit -qm many && \
         for i in 1 2 3 4 5 6; do git clone -q . clone$i && git -C clone$i log >/dev/null && \
         git -C clone$i config a.b $i && git init -q new$i || exit; done; rm -rf clone* new*",
    );
    works(
        &world,
        "git init -q /tmp/new && cd /tmp/new && git -c user.name=T -c user.email=t@e.example commit -q --allow-empty -m x",
    );
}

#[test]
fn an_ignored_secret_disturbs_nothing() {
    let world = repository()
        .file(".gitignore", ".env\nnode_modules\n")
        .secret(".env")
        .secret("sub/.env");
    works(
        &world,
        "git add -A && git commit -qm all && test -z \"$(git status --porcelain)\" && git stash list",
    );
    assert!(!world.host_ok("git log -p").said("hunter2"));
}

#[test]
fn git_works_whatever_the_users_configuration_is() {
    works(
        &repository(),
        "git add -A && git commit -qm x && git config --get user.name",
    );
    works(
        &repository().home_file(".gitconfig", "[alias]\nci = commit\n"),
        "git add -A && git ci -qm x",
    );
    works(
        &repository().home_file(".config/git/ignore", "*.log\n"),
        "touch x.log && git add -A && ! git ls-files | grep log",
    );
}

#[test]
fn a_hook_of_the_repository_runs() {
    let world = repository();
    world.host_ok("printf '#!/bin/sh\\ntouch hook-ran\\n' > .git/hooks/pre-commit && chmod +x .git/hooks/pre-commit");
    works(&world, "git add -A && git commit -qm x && test -e hook-ran");
}

#[test]
fn push_and_fetch_to_a_granted_repository_work() {
    let world = repository();
    world.host_ok("git init -q --bare ../../remote.git && git remote add origin ../../remote.git");
    let world = world.config("allow_write: [~/remote.git]\n");
    works(
        &world,
        "git add -A && git commit -qm x && git push -q origin main && git fetch -q && git ls-remote origin",
    );
}
