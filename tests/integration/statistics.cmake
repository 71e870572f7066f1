# The statistics from the samples to the verdict, on simulated latencies: the law without waiting, and real runs.
ifm_add_test(NAME statistics_law LABEL integration TIMEOUT 300
             SOURCES ${CMAKE_CURRENT_LIST_DIR}/statistics_law_test.c
                     ${CMAKE_SOURCE_DIR}/agents/runtimes/sim_law.c
             LIBS ifm_core ifm_testlib)
if(TARGET inferometer)
  ifm_add_script(NAME statistics_runs LABEL integration TIMEOUT 300
                 COMMAND /usr/bin/python3 ${CMAKE_CURRENT_LIST_DIR}/statistics_runs_test.py)
endif()
