"""Every pass has a case that shows what it makes, and one that shows what it refuses or leaves alone."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from rung.pipelines import PASSES

CASES = {
    "tile-blocks": ("test_tile.py::test_one_dimension", "test_tile.py::test_leaves_alone"),
    "form-virtual-threads": (
        "test_form_virtual_threads.py::test_block",
        "test_form_virtual_threads.py::test_refuses_results",
    ),
    "promote": (
        "test_promote.py::test_loads_before_and_stores_after",
        "test_promote.py::test_refuses_to_exceed_the_scratchpad",
    ),
    "double-buffer": (
        "test_double_buffer.py::test_prologue_steady_state_epilogue",
        "test_double_buffer.py::test_refuses_a_single_buffer",
    ),
    "transport": (
        "test_double_buffer.py::test_single_buffering_uses_the_same_transport",
        "test_double_buffer.py::test_other_copies_are_left_alone",
    ),
    "tile-contractions": (
        "test_contraction.py::test_register_tile",
        "test_contraction.py::test_dynamic_shape_is_refused",
    ),
    "vectorize": (
        "test_vectorize_ir.py::test_main_loop_and_masked_remainder",
        "test_vectorize_ir.py::test_a_map_that_is_no_projection_is_an_error",
    ),
    "nests-to-loops": (
        "test_vectorize_ir.py::test_scalar_form_has_no_vector_type",
        "test_vectorize_ir.py::test_a_map_that_is_no_projection_is_an_error_of_the_scalar_form_too",
    ),
    "prefetch": (
        "test_prefetch.py::test_the_last_of_two_passes_fetches_the_next_row",
        "test_prefetch.py::test_left_alone",
    ),
    "align-accesses": (
        "test_align_accesses.py::test_a_slot_of_a_pipelined_buffer",
        "test_align_accesses.py::test_left_alone",
    ),
    "expand-scalarized": (
        "../numeric/test_expand_scalarized.py::test_division_is_within_two_ulp_at_every_scale",
        "../numeric/test_expand_scalarized.py::test_refuses_names_that_are_no_op",
    ),
    "expand-math": ("test_expand_math_ir.py::test_exp_is_20_operations", "test_expand_math_ir.py::test_leaves_alone"),
    "check-transfers": (
        "test_check_transfers.py::test_transfers_and_functions_are_announced",
        "test_check_transfers.py::test_a_module_without_transfers_is_left_alone",
    ),
    "leave-on-failure": (
        "test_leave_on_failure.py::test_assertions_say_where_and_in_which_program",
        "test_leave_on_failure.py::test_a_function_with_results_is_refused",
    ),
    "lower-transport": (
        "test_lower_transport.py::test_one_row",
        "test_lower_transport.py::test_leaves_a_module_without_transfers_alone",
    ),
    "form-context-tasks": (
        "test_form_context_tasks.py::test_outlines_and_forks",
        "test_form_context_tasks.py::test_refuses_a_memref_chosen_at_run_time",
    ),
    "place-scratch": ("test_place_scratch.py::test_arena", "test_place_scratch.py::test_refuses"),
    "lower-abi": ("test_lower_abi.py::test_entry_points", "test_lower_abi.py::test_refuses_arguments"),
    "expand-atomics": (
        "test_expand_atomics.py::test_an_update_of_any_kind_is_a_loop",
        "test_expand_atomics.py::test_leaves_what_llvm_can_do_alone",
    ),
    "expand-copies": (
        "test_expand_copies.py::test_copies_call_nothing",
        "test_expand_copies.py::test_leaves_a_copy_of_one_block_alone",
    ),
    "guard-constants": (
        "test_guard_constants.py::test_what_is_computed_from_constants_is_asked_whether_it_is_in_range",
        "test_guard_constants.py::test_what_is_not_known_is_left_to_the_processor",
    ),
    "expand-gathers": (
        "test_expand_gathers.py::test_each_lane_of_a_gather_is_a_load_under_a_branch",
        "test_expand_gathers.py::test_leaves_a_gather_of_all_lanes_alone",
    ),
    "expand-flags": (
        "test_expand_flags.py::test_flags_choose_between_two_numbers",
        "test_expand_flags.py::test_leaves_others_alone",
    ),
    "expand-to-integers": (
        "test_expand_to_integers.py::test_doubles_are_converted_lane_by_lane",
        "test_expand_to_integers.py::test_leaves_others_alone",
    ),
    "expand-masks": (
        "test_expand_masks.py::test_the_first_lanes_are_those_below_the_bound",
        "test_expand_masks.py::test_leaves_masks_of_two_dimensions_alone",
    ),
    "expand-slices": (
        "test_expand_slices.py::test_a_part_is_a_shuffle",
        "test_expand_slices.py::test_leaves_slices_of_two_dimensions_alone",
    ),
    "expand-wide-masks": (
        "test_expand_wide_masks.py::test_a_load_is_one_of_words_with_every_bit_of_the_mask_twice",
        "test_expand_wide_masks.py::test_narrower_elements_and_the_host_are_left_alone",
    ),
    "to-llvm": (
        "test_lower_abi.py::test_to_llvm_marks_scalar_code",
        "test_lower_abi.py::test_to_llvm_names_what_is_left",
    ),
}


@pytest.mark.parametrize("name", [known.name for known in PASSES])
def test_every_pass_has_cases_that_exist(name: str) -> None:
    for case in CASES[name]:
        file, _, function = case.partition("::")
        tree = ast.parse((Path(__file__).parent / file).read_text())
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, case
