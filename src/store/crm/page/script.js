(() => {
  const light = document.getElementById('live');
  const show = (connected) => {
    light.hidden = false;
    light.classList.toggle('lost', !connected);
    light.textContent = connected ? light.dataset.live : light.dataset.lost;
  };
  // A click must not lose its button between press and release: what comes meanwhile is shown afterwards.
  let pressed = false, looking = false, again = false;
  const look = async () => {
    if (looking || pressed) { again = true; return; }
    looking = true;
    try {
      const answer = await fetch(location.href, { cache: 'no-store' });
      // Signed out elsewhere, or the token has been revoked.
      if (answer.redirected) { location.reload(); return; }
      if (answer.ok) renew(new DOMParser().parseFromString(await answer.text(), 'text/html'));
    } catch {
      // The stream of events says whether the shop can be reached.
    } finally {
      looking = false;
      if (again && !pressed) { again = false; look(); }
    }
  };
  const keys = (root) => [...root.querySelectorAll('[data-key]')].map((card) => card.dataset.key);
  let last = document.getElementById('pool').innerHTML;
  const renew = (page) => {
    const old = document.getElementById('pool'), fresh = page.getElementById('pool');
    if (!fresh || fresh.innerHTML === last) return;
    last = fresh.innerHTML;
    const known = new Set(keys(old));
    const focused = document.activeElement?.closest?.('[data-key]')?.dataset.key;
    for (const card of fresh.querySelectorAll('.waiting [data-key]')) {
      if (!known.has(card.dataset.key)) card.classList.add('fresh');
    }
    old.replaceWith(document.adoptNode(fresh));
    if (focused) fresh.querySelector(`[data-key="${CSS.escape(focused)}"] button`)?.focus();
    const waiting = fresh.querySelector('.waiting .count').textContent;
    document.title = document.title.replace(/^\(\d+\) /, '').replace(/^/, waiting === '0' ? '' : `(${waiting}) `);
  };
  addEventListener('pointerdown', () => { pressed = true; });
  for (const end of ['pointerup', 'pointercancel']) {
    addEventListener(end, () => setTimeout(() => {
      pressed = false;
      if (again) { again = false; look(); }
    }));
  }
  const news = new EventSource('/crm/pool/events');
  // What changed before the stream stood, or while it was down, nobody told.
  news.addEventListener('open', () => { show(true); look(); });
  news.addEventListener('pool', look);
  news.addEventListener('error', () => {
    show(false);
    if (news.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 5000);
  });
})();
