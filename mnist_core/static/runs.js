// A press on anything with data-action goes to the page as a "select" event with what was pressed.
const send = (event) => {
  const target = event.target.closest('[data-action]');
  if (!target || target.disabled) return;
  const isField = target.matches('input, select');
  if (isField !== (event.type === 'change')) return;
  const { action, run, ask } = target.dataset;
  if (ask && !confirm(ask)) return;
  const value = target.type === 'checkbox' ? target.checked : target.value;
  trigger('select', { action, run_id: run, value });
  if (action === 'download') target.value = '';
};
element.addEventListener('click', send);
element.addEventListener('change', send);
