//! Ways out of the sandbox, one a file. Each has a control arm: the same act outside, which must
//! succeed. The name of the file is the attack; its first lines say where it is known from and what
//! holds it. `docs/threat-model.md` is made from them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test reports by panicking"
)]

#[path = "../support/mod.rs"]
mod support;

mod allowlist;
mod live;
mod sockets;
mod terminal;

mod asks_aigate_to_loosen_its_rules;
mod asks_the_dashboard_without_its_token;
mod asks_the_kernel_by_sysrq;
mod becomes_another_user;
mod binds_around_a_mask_in_a_nested_user_namespace;
mod changes_a_file_outside_in_place;
mod changes_a_kernel_setting;
mod changes_its_root_directory;
mod changes_limits_of_a_process_of_the_host;
mod changes_the_name_of_the_host;
mod changes_the_network_of_the_host;
mod changes_the_rules_of_aigate;
mod changes_the_settings_of_the_tool_in_the_home;
mod clones_a_masked_tree_with_the_new_mount_calls;
mod connects_to_a_daemon_in_run;
mod connects_to_a_daemon_of_the_session;
mod connects_to_a_socket_elsewhere;
mod connects_to_a_socket_in_the_home;
mod connects_to_a_socket_in_the_temporary_directory;
mod connects_to_an_abstract_socket;
mod connects_to_the_ssh_agent;
mod drives_an_editor_through_its_lock_file;
mod drowns_the_watcher_in_events;
mod enters_a_namespace_of_the_host;
mod escapes_its_control_group;
mod finds_a_descriptor_of_the_rules;
mod follows_the_variables_of_the_session;
mod fools_the_memory_of_the_walk;
mod gains_capabilities;
mod hands_itself_to_the_daemon_of_an_agent;
mod kills_a_process_of_the_host;
mod kills_everything_it_can_reach;
mod kills_the_process_group_of_the_caller;
mod leaves_a_process_behind;
mod leaves_files_behind;
mod leaves_through_a_high_descriptor;
mod leaves_through_a_standard_stream_that_is_a_directory;
mod leaves_through_an_inherited_directory;
mod leaves_through_an_inherited_file;
mod links_a_file_from_outside_into_the_project;
mod looks_under_a_mask_with_another_process;
mod makes_a_core_dump_of_a_secret;
mod makes_a_device_node;
mod makes_the_mounts_executable_again;
mod makes_the_shim_follow_a_link;
mod makes_the_tree_writable_again;
mod makes_the_tree_writable_with_the_new_mount_calls;
mod maps_a_file_of_its_own_as_code;
mod mounts_a_file_system;
mod moves_a_hidden_file_away;
mod moves_a_mask_in_a_nested_user_namespace;
mod moves_the_directory_of_a_hidden_file;
mod moves_the_git_directory_away;
mod moves_the_project;
mod opens_a_device_of_the_host;
mod opens_a_file_by_its_handle;
mod opens_a_raw_socket;
mod opens_a_socket_of_an_odd_family;
mod opens_a_terminal_of_the_host;
mod outlives_its_supervisor;
mod overlays_a_masked_directory_in_a_nested_user_namespace;
mod pastes_the_selection_of_the_console;
mod plants_a_git_configuration;
mod plants_a_hook_in_a_nested_repository;
mod plants_a_hook_through_a_worktree;
mod plants_a_program_on_the_path;
mod plants_a_shell_start_up_file;
mod plants_an_autostart_entry;
mod plants_an_editor_setting_of_the_user;
mod plants_an_ssh_key;
mod puts_a_program_in_the_place_of_a_listed_one;
mod reads_a_directory_that_is_hidden;
mod reads_a_file_that_the_project_denied;
mod reads_a_file_that_the_user_denied;
mod reads_a_hidden_directory_that_the_host_replaced;
mod reads_a_hidden_file_above_the_working_directory;
mod reads_a_hidden_file_after_chmod;
mod reads_a_hidden_file_by_its_name;
mod reads_a_hidden_file_deep_in_the_project;
mod reads_a_hidden_file_of_a_kind_of_its_own;
mod reads_a_hidden_file_that_the_host_replaced;
mod reads_a_hidden_file_that_was_made_later;
mod reads_a_hidden_file_through_a_hard_link_made_inside;
mod reads_a_hidden_file_through_a_link_made_inside;
mod reads_a_hidden_file_through_a_relative_link;
mod reads_a_hidden_file_through_an_absolute_link;
mod reads_a_hidden_file_through_its_other_hard_link;
mod reads_a_hidden_file_through_proc_self_root;
mod reads_a_hidden_file_with_an_odd_name;
mod reads_a_hidden_file_with_python;
mod reads_browser_profiles;
mod reads_credentials_of_clouds;
mod reads_credentials_of_code_hosts;
mod reads_credentials_of_package_managers;
mod reads_credentials_of_ssh_and_gpg;
mod reads_keys_in_the_project;
mod reads_one_of_many_hidden_files;
mod reads_password_stores;
mod reads_secrets_in_the_environment;
mod reads_shell_histories;
mod reads_the_memory_of_init;
mod reads_the_memory_of_the_kernel;
mod reads_the_rules_of_aigate;
mod reads_the_secrets_of_the_supervisor;
mod reads_the_target_of_a_hidden_link;
mod reads_the_temporary_directories_of_the_host;
mod reads_the_token_of_the_dashboard;
mod registers_an_interpreter_for_the_host;
mod replaces_a_linked_start_up_file;
mod runs_a_command_in_the_tmux_of_the_user;
mod runs_a_copy_of_a_denied_program;
mod runs_a_denied_program;
mod runs_a_denied_program_by_another_loader;
mod runs_a_denied_program_under_another_name;
mod runs_an_unlisted_program;
mod runs_an_unlisted_program_among_the_libraries;
mod runs_an_unlisted_program_by_its_script;
mod runs_an_unlisted_program_from_memory;
mod runs_an_unlisted_program_in_a_nested_user_namespace;
mod runs_an_unlisted_program_that_was_handed_in;
mod runs_an_unlisted_program_through_proc;
mod runs_an_unlisted_program_through_the_loader;
mod sees_the_processes_of_the_host;
mod signals_through_a_descriptor_owner;
mod starts_a_nested_sandbox_around_a_mask;
mod survives_kills_at_random_moments;
mod switches_the_sandbox_off_by_the_environment;
mod takes_another_home;
mod traces_a_process_of_the_host;
mod types_into_the_terminal_from_a_nested_namespace;
mod types_into_the_terminal_of_the_caller;
mod types_into_the_terminal_with_a_disguised_number;
mod unmounts_a_mask;
mod unmounts_a_mask_in_a_nested_user_namespace;
mod uses_a_message_queue_of_the_host;
mod uses_a_system_call_of_the_administrator;
mod uses_a_system_call_that_needs_no_right;
mod uses_bpf_or_perf;
mod uses_io_uring;
mod uses_shared_memory_of_the_host;
mod uses_the_system_calls_of_another_architecture;
mod writes_into_sysfs;
mod writes_into_the_home;
mod writes_into_the_temporary_directories_of_the_host;
mod writes_through_a_link_that_leads_outside;
mod writes_through_an_alias_in_proc;

/// Python code that makes system calls by their numbers.
fn calls(code: &str) -> String {
    support::python(&format!("{}\n{code}", include_str!("calls.py")))
}
