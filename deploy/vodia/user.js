(() => {
  // smokepop's own address: public_url in its configuration.
  const smokepop = 'https://pop.firm.example';

  for (const link of document.querySelectorAll('.smokepop-open')) link.href = smokepop;

  // The frame lies over a corner of the app, not in this fragment: a fragment
  // that is folded up shows nobody anything. embed.js adds one frame only.
  const script = document.createElement('script');
  script.src = `${smokepop}/embed.js`;
  script.dataset.position = 'bottom-right';
  script.dataset.idle = 'hidden';
  document.head.append(script);
})();
