ifm_add_script(NAME inspect_bench LABEL perf TIMEOUT 600
  COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/inspect_bench.py)
