// Follows a job: asks the address in data-progress for
//   {"state", "done", "total", "sentence", "url"}
// and moves the bar. When the job has ended the page is loaded again (or "url" is opened).
// Without this script the page's own <meta http-equiv="refresh"> does the same, slower.

const LIVE = new Set(["queued", "running"]);
const FIRST_WAIT_MS = 700;
const LONGEST_WAIT_MS = 5000;

async function follow(box) {
  const bar = box.querySelector("progress");
  const count = box.querySelector("[data-progress-count]");
  const sentence = box.querySelector("[data-progress-sentence]");
  for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * 1.3, LONGEST_WAIT_MS)) {
    await new Promise((resolve) => setTimeout(resolve, wait));
    let job;
    try {
      const answer = await fetch(box.dataset.progress, { headers: { Accept: "application/json" } });
      if (!answer.ok) continue;
      job = await answer.json();
    } catch {
      continue; // the network is away: the job goes on, and so do we
    }
    if (job.total) bar.max = job.total;
    if (job.done != null) bar.value = job.done;
    if (count && job.total) count.textContent = `${job.done} / ${job.total}`;
    if (sentence && job.sentence) sentence.textContent = job.sentence;
    if (!LIVE.has(job.state)) {
      if (job.url) location.assign(job.url);
      else location.reload();
      return;
    }
  }
}

for (const box of document.querySelectorAll("[data-progress]")) follow(box);
