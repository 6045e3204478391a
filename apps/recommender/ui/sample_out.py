"""Taking the sample shop out once one's own catalogue is there: what would go, then the work, then what was done."""

from typing import TYPE_CHECKING

import streamlit as st

from apps.page_parts import Job, language, plain, watch_job
from apps.recommender.ui.shared import say
from core.reasons import in_language

if TYPE_CHECKING:
    from apps.recommender.service import RecommenderService

JOB = "sample-out-job"


def sample_out(shop: "RecommenderService") -> None:
    """Nothing where the sample is not in the catalogue."""
    job: Job[int] | None = st.session_state.get(JOB)
    if job is not None and not job.done:
        watch_job(JOB, say("sample_going"))
        return
    if job is not None:
        _told(st.session_state.pop(JOB))
    count = len(shop.sample_items())
    if not count:
        return
    with st.popover(say("sample_out"), icon=":material/delete_sweep:"):
        st.write(say("sample_out_line", n=count))
        if st.button(say("sample_out_go"), type="primary", key="sample-out"):
            st.session_state[JOB] = Job(shop.forget_sample, say("unexpected"))
            st.rerun()


def _told(job: Job[int]) -> None:
    if job.error or job.result is None:
        st.error(plain(in_language(job.error, language())), icon=":material/error:")
    else:
        st.success(say("sample_gone", n=job.result), icon=":material/check:")
