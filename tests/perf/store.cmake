# Figures of the store alone: durable runs/s beside fdatasync, lists over many runs. fill makes the database.
if(TARGET ifm_store)
  ifm_add_test(NAME store_bench LABEL perf SOURCES store_bench.c LIBS ifm_analysis ifm_store ifm_core TIMEOUT 300)
  add_executable(fill fill.c)
  target_link_libraries(fill PRIVATE ifm_store ifm_core m)
  set_target_properties(fill PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
endif()
