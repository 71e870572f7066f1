# Runtimes without a C interface: their modules are compiled when the runtime is installed, not by this build. The
# script makes tiny models, runs the same suite as for every other runtime on them, then what is theirs alone.
function(ifm_add_cpp_contract runtime model)
  set(target test_contract_runtime_${runtime})
  add_executable(${target} runtime_test.c)
  target_link_libraries(${target} PRIVATE ifm_worker ifm_testlib PkgConfig::CMOCKA m)
  target_compile_definitions(${target} PRIVATE RUNTIME="${runtime}" MODEL="${model}" MODULES="" ${ARGN})
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  ifm_add_script(NAME runtime_${runtime} LABEL contract TIMEOUT 300
                 COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/cpp_runtime_test.py ${runtime} $<TARGET_FILE:${target}>)
endfunction()

ifm_add_cpp_contract(executorch net-xnnpack.pte)
ifm_add_cpp_contract(libtorch net.pt SHAPE_OF="x" "SHAPE={1,1,28,28}")
